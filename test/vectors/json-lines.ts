/** JSON with one entry a line, so that a change of one vector is a change of one line. */
export function jsonLines(groups: object): string {
  const texts = Object.entries(groups).map(([name, entries]) => {
    const lines = (entries as readonly unknown[]).map((entry) => `    ${JSON.stringify(entry)}`);
    return `  ${JSON.stringify(name)}: [\n${lines.join(',\n')}\n  ]`;
  });
  return `{\n${texts.join(',\n')}\n}\n`;
}
