/** The fields of one line of comma-separated values; a field in double quotes may hold commas. */
export const commaFields = (line: string): readonly string[] => {
  const fields: string[] = [];
  for (const [, quoted, plain] of line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g))
    fields.push(quoted === undefined ? (plain ?? '') : quoted.replaceAll('""', '"'));
  return fields;
};
