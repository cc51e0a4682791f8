/**
 * The options of `crmesh`: what each command takes, and how it ends.
 *
 * Commands run in their own modules, loaded when they are chosen; here words become values. Everything that is wrong with the words is USAGE (2).
 */
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { ReplicationError } from '../core/errors.ts';
import type { RelayCommandOptions } from './commands/relay.ts';
import { EXIT_DONE, EXIT_USAGE, exitCodeOf } from './exit-code.ts';
import { packageVersion } from './package-version.ts';
import { terminalOf, type Terminal } from './terminal.ts';

type Work = (terminal: Terminal) => Promise<number | void>;

/** Runs one command and answers its exit code; errors are on stderr by then. */
export async function runCommand(words: readonly string[]): Promise<number> {
  const terminal = terminalOf({ json: words.includes('--json') });
  let work: Work | undefined;
  const program = programOf((chosen) => (work = chosen));
  if (terminal.json) silence(program);
  try {
    await program.parseAsync([...words], { from: 'user' });
    return (await work?.(terminal)) ?? EXIT_DONE;
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return EXIT_DONE;
      if (terminal.json) terminal.error(new ReplicationError('USAGE', error.message.replace(/^error: /, '')));
      return EXIT_USAGE;
    }
    terminal.error(error);
    return exitCodeOf(error);
  }
}

/** What is wrong with the words is told as JSON then, by whoever catches it. */
function silence(program: Command): void {
  for (const command of [program, ...program.commands]) command.configureOutput({ writeErr: () => undefined });
}

type Choose = (work: Work) => void;

function programOf(choose: Choose): Command {
  const program = new Command('crmesh')
    .description('SQLite replicas that are written offline and flow together')
    .version(packageVersion())
    .exitOverride()
    .showHelpAfterError("('crmesh help COMMAND' lists what it takes)");
  addFileCommands(program, choose);
  addBackups(program, choose);
  addSync(program, choose);
  addRelay(program, choose);
  addDemo(program, choose);
  return program;
}

const json = (): Option => new Option('--json', 'print results as JSON');
const token = (): Option => new Option('--token <token>', 'who you are at the relay').env('CRMESH_TOKEN');
const schema = (): Option => new Option('--schema <file>', 'schema text to create or migrate to');

function addFileCommands(program: Command, choose: Choose): void {
  program
    .command('query <file> <sql>')
    .description('run one SQL statement on a database file')
    .addOption(json())
    .action((file: string, sql: string) =>
      choose(async (terminal) => (await import('./commands/query.ts')).queryCommand(terminal, file, sql)),
    );
  program
    .command('status <file-or-url>')
    .description('say what a database holds, here or at a relay')
    .addOption(token())
    .addOption(json())
    .action((place: string, options: { token?: string }) =>
      choose(async (terminal) => (await import('./commands/status.ts')).statusCommand(terminal, place, options.token)),
    );
  program
    .command('import <file> <table> <data>')
    .description('write the rows of a .csv, .json or .ndjson file into a table')
    .addOption(schema())
    .option('--create', 'create the table for the data')
    .option('--key <column>', 'its primary key, with --create')
    .addOption(json())
    .action((file: string, table: string, data: string, options: { schema?: string; create?: true; key?: string }) => {
      const { schema, create = false, key } = options;
      choose(async (terminal) =>
        (await import('./commands/import.ts')).importCommand(terminal, { file, table, data, schema, create, key }),
      );
    });
  program
    .command('migrate <file> <schema>')
    .description('bring a database file to a schema text')
    .option('--plan', 'only say what would be done')
    .option('--allow-destructive', 'also drop what the text no longer has')
    .addOption(json())
    .action((file: string, text: string, options: { plan?: true; allowDestructive?: true }) => {
      const { plan = false, allowDestructive = false } = options;
      choose(async (terminal) =>
        (await import('./commands/migrate.ts')).migrateCommand(terminal, {
          file,
          schema: text,
          plan,
          allowDestructive,
        }),
      );
    });
}

function addBackups(program: Command, choose: Choose): void {
  program
    .command('backup <file> <out>')
    .description('copy a database file into a new one, also while a process works with it')
    .addOption(json())
    .action((file: string, out: string) =>
      choose(async (terminal) => (await import('./commands/backup.ts')).backupCommand(terminal, file, out)),
    );
  program
    .command('restore <backup> <file>')
    .description('put a backup in the place of a database file, with a site id of its own')
    .option('--force', 'replace a file that is there')
    .addOption(json())
    .action((backup: string, file: string, options: { force?: true }) =>
      choose(async (terminal) =>
        (await import('./commands/restore.ts')).restoreCommand(terminal, {
          backup,
          file,
          force: options.force ?? false,
        }),
      ),
    );
}

function addSync(program: Command, choose: Choose): void {
  program
    .command('sync <file> <url>')
    .description('keep a database file equal with a database at a relay')
    .option('--once', 'end when both sides are equal')
    .addOption(schema())
    .addOption(token())
    .addOption(json())
    .action((file: string, url: string, options: { once?: true; schema?: string; token?: string }) => {
      const { once = false, schema, token } = options;
      choose(async (terminal) =>
        (await import('./commands/sync.ts')).syncCommand(terminal, { file, url, once, schema, token }),
      );
    });
}

function addRelay(program: Command, choose: Choose): void {
  program
    .command('relay')
    .description('serve any number of databases to replicas and over HTTP')
    .option('--dir <folder>', 'where the databases lie', 'data')
    .option('--port <number>', 'port to listen on; 0 = a free one', portFrom, 8787)
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .addOption(schema())
    .addOption(new Option('--token <token>', 'token of callers that read, write and migrate').env('CRMESH_TOKEN'))
    .option('--peer-token <token>', 'token of callers that may also speak for other sites')
    .option('--origin <origin>', 'web origin that may call; repeatable', collected, [])
    .option('--upstream <url>', 'relay to stay equal with; repeatable', collected, [])
    .option('--upstream-token <token>', 'token for the upstream of the same place', collected, [])
    .option('--limit <name=number>', 'a bound of PROTOCOL.md and its value; repeatable', collected, [])
    .option('--log-level <level>', 'debug, info, warn, error or silent', 'info')
    .addOption(json())
    .action((options: RelayCommandOptions) =>
      choose(async (terminal) => (await import('./commands/relay.ts')).relayCommand(terminal, options)),
    );
}

function addDemo(program: Command, choose: Choose): void {
  program
    .command('demo')
    .description(
      'bring 171,075 cities from one replica through a relay to another, edit both offline, compare; and a board to try it',
    )
    .option('--once', 'end after the comparison')
    .option('--rows <number>', 'only so many cities', countFrom)
    .option('--port <number>', 'port of the relay; 0 = a free one', portFrom)
    .addOption(json())
    .action((options: { once?: true; rows?: number; port?: number }) =>
      choose(async (terminal) =>
        (await import('./commands/demo.ts')).demoCommand(terminal, {
          once: options.once ?? false,
          rows: options.rows,
          port: options.port,
        }),
      ),
    );
}

function collected(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

function portFrom(text: string): number {
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port <= 65_535) return port;
  throw new InvalidArgumentError('It is a number from 0 to 65535.');
}

function countFrom(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It is a whole number above 0.');
}
