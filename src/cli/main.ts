#!/usr/bin/env node
/** The command `crmesh`: runs it with this process's arguments and ends with its exit code. */
import { runCommand } from './program.ts';

process.exitCode = await runCommand(process.argv.slice(2));
