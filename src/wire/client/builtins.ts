/**
 * Parts of Node that a short command may never need. An ESM `import` of a built-in module evaluates all that it
 * exports, which costs milliseconds at each start of the command line.
 */
export const fileSystem = () => process.getBuiltinModule('node:fs');
export const streams = () => process.getBuiltinModule('node:stream');
