/** A small test runner with vitest's words and its own assertions, for suites that run inside a browser. */
import {
  ASYMMETRIC_MATCHERS_OBJECT,
  chai,
  getState,
  JestAsymmetricMatchers,
  JestChaiExpect,
  JestExtend,
  setState,
} from '@vitest/expect';
import type { ExpectStatic } from 'vitest';

type Work = () => unknown;
type Case = (...values: never[]) => unknown;

export interface TestResult {
  readonly name: string;
  readonly error?: string;
}

interface Group {
  readonly name: string;
  readonly parent: Group | undefined;
  readonly before: Work[];
  readonly after: Work[];
  readonly beforeEach: Work[];
  readonly afterEach: Work[];
  readonly entries: (Group | { readonly test: string; readonly work: Work })[];
}

const newGroup = (name: string, parent: Group | undefined): Group => ({
  name,
  parent,
  before: [],
  after: [],
  beforeEach: [],
  afterEach: [],
  entries: [],
});

const root = newGroup('', undefined);
let current = root;

export function describe(name: string, work: Work): void {
  const group = newGroup(name, current);
  current.entries.push(group);
  current = group;
  work();
  current = group.parent!;
}

interface Test {
  (name: string, work: Work): void;
  readonly each: (cases: readonly unknown[]) => (name: string, work: Case) => void;
}

const register = (name: string, work: Work): void => void current.entries.push({ test: name, work });
const registerEach: Test['each'] = (cases) => (name, work) => {
  for (const one of cases) {
    const values = Array.isArray(one) ? one : [one];
    let next = 0;
    const title = name.replaceAll(/%[sd]/g, () => String(values[next++]));
    register(title, () => work(...(values as never[])));
  }
};

export const test: Test = Object.assign(register, { each: registerEach });
export const beforeAll = (work: Work): void => void current.before.push(work);
export const afterAll = (work: Work): void => void current.after.unshift(work);
export const beforeEach = (work: Work): void => void current.beforeEach.push(work);
export const afterEach = (work: Work): void => void current.afterEach.unshift(work);

chai.use(JestExtend);
chai.use(JestChaiExpect);
chai.use(JestAsymmetricMatchers);

const assertion = (value: unknown, message?: string): unknown => {
  setState({ assertionCalls: getState(expect).assertionCalls + 1 }, expect);
  return chai.expect(value, message);
};
const matchers = (globalThis as Record<symbol, object>)[ASYMMETRIC_MATCHERS_OBJECT]!;
export const expect: ExpectStatic = Object.assign(assertion, chai.expect, matchers, {
  unreachable: (message = 'this place is never reached') => chai.assert.fail(message),
}) as never;
setState({ assertionCalls: 0, isExpectingAssertions: false }, expect);

/** Runs everything that was registered; one result a test. */
export async function runTests(): Promise<TestResult[]> {
  const results: TestResult[] = [];
  await runGroup(root, results);
  return results;
}

async function runGroup(group: Group, results: TestResult[]): Promise<void> {
  for (const work of group.before) await work();
  for (const entry of group.entries) {
    if ('entries' in entry) await runGroup(entry, results);
    else results.push(await runTest(group, entry.test, entry.work));
  }
  for (const work of group.after) await work();
}

async function runTest(group: Group, name: string, work: Work): Promise<TestResult> {
  const line: Group[] = [];
  for (let one: Group | undefined = group; one !== undefined; one = one.parent) line.unshift(one);
  const title = [...line.map((one) => one.name), name].filter((part) => part !== '').join(' > ');
  try {
    for (const one of line) for (const before of one.beforeEach) await before();
    try {
      await work();
    } finally {
      for (const one of line.toReversed()) for (const after of one.afterEach) await after();
    }
    return { name: title };
  } catch (error) {
    return { name: title, error: textOf(error) };
  }
}

function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? '' : `\ncaused by ${textOf(error.cause)}`;
  return `${error.message}\n${error.stack ?? ''}${cause}`;
}
