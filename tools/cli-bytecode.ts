/**
 * Writes what V8 makes of the files of the bundled command line beside them: `node tools/cli-bytecode.ts FILE ...`.
 *
 * All functions are compiled, also those that a short command never calls: they cost little to read, and none is
 * compiled again where it is called. A process of its own, whose flags are those of the command line.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { Script, constants } from 'node:vm';

/** V8 refuses bytecode that was made under other flags: they are as they were again when it is written. */
const compiled = (source: string, filename: string): Script => {
  setFlagsFromString('--no-lazy');
  try {
    const importModuleDynamically = constants.USE_MAIN_CONTEXT_DEFAULT_LOADER;
    return new Script(source, { filename, importModuleDynamically });
  } finally {
    setFlagsFromString('--lazy');
  }
};

for (const file of process.argv.slice(2)) {
  const script = compiled(readFileSync(file, 'latin1'), file);
  writeFileSync(`${file}.${process.version}-${process.arch}`, script.createCachedData());
}
