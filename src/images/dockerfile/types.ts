/** A place in the source. Lines and columns count from 1; columns and offsets count UTF-16 code units. */
export interface Position {
  readonly line: number;
  readonly column: number;
  readonly offset: number;
}

/** A half-open piece of the source: `end` is the first place that does not belong to it. */
export interface SourceRange {
  readonly start: Position;
  readonly end: Position;
}

/** A piece of text with its place. `value` is the text as written, before variables are expanded. */
export interface Word {
  readonly value: string;
  readonly range: SourceRange;
}

/** A parser directive at the top of the file. */
export interface Directive {
  readonly name: 'syntax' | 'escape' | 'check';
  readonly value: string;
  readonly range: SourceRange;
}

/** A here-document with its body. */
export interface Heredoc {
  /** The delimiter without quotes; the file name where the heredoc is a COPY source. */
  readonly name: string;
  /** The descriptor before `<<` (0 when none is written). */
  readonly fileDescriptor: number;
  /** False when the delimiter is quoted: variables are then left alone. */
  readonly expand: boolean;
  /** True for `<<-`: leading tabs of the body and of the terminator are stripped. */
  readonly stripTabs: boolean;
  /** The body as written, each line with its newline, before tabs are stripped. */
  readonly content: string;
  readonly range: SourceRange;
}

/** `exec` is the JSON form; `shell` is one string for the shell. */
export type CommandLine =
  | { readonly form: 'exec'; readonly args: readonly string[] }
  | { readonly form: 'shell'; readonly text: string };

/** One statement as the syntax sees it, before its meaning is checked. */
export interface Statement {
  /** The instruction in lower case. */
  readonly keyword: string;
  /** The instruction as it is written. */
  readonly writtenKeyword: string;
  readonly keywordRange: SourceRange;
  /** Flags as written, with their dashes. */
  readonly flags: readonly Word[];
  readonly args: readonly Word[];
  /** Whether the arguments came from a JSON array. */
  readonly json: boolean;
  readonly heredocs: readonly Heredoc[];
  /** The statement without continuations, comments and heredoc bodies. */
  readonly text: string;
  /** The statement that ONBUILD carries. */
  readonly child?: Statement | undefined;
  /** Comment lines directly before the statement, without their mark. */
  readonly comments: readonly string[];
  readonly range: SourceRange;
}

interface InstructionBase {
  readonly range: SourceRange;
  /** The instruction's name as it is written. */
  readonly keyword: string;
  /** Comment lines directly before the instruction, without their mark. */
  readonly comments: readonly string[];
  /** The instruction on one line, as written, without heredoc bodies. */
  readonly text: string;
}

export interface FromInstruction extends InstructionBase {
  readonly kind: 'from';
  readonly image: Word;
  /** The stage's name in lower case. */
  readonly name?: Word | undefined;
  readonly platform?: Word | undefined;
}

/** `value` is undefined for an ARG without default. */
export interface NameValue {
  readonly name: Word;
  readonly value: Word | undefined;
}

export interface ArgInstruction extends InstructionBase {
  readonly kind: 'arg';
  readonly args: readonly NameValue[];
}

export interface KeyValue {
  readonly key: Word;
  readonly value: Word;
  /** True for the old form `ENV key value`. */
  readonly legacy: boolean;
}

export interface EnvInstruction extends InstructionBase {
  readonly kind: 'env';
  readonly pairs: readonly KeyValue[];
}

export interface LabelInstruction extends InstructionBase {
  readonly kind: 'label';
  readonly pairs: readonly KeyValue[];
}

export interface RunInstruction extends InstructionBase {
  readonly kind: 'run';
  readonly command: CommandLine;
  readonly heredocs: readonly Heredoc[];
  /** Values of `--mount`, to be read with `parseRunMount` after variables are expanded. */
  readonly mounts: readonly Word[];
  readonly network: 'default' | 'none' | 'host';
  readonly security: 'sandbox' | 'insecure';
  readonly devices: readonly Word[];
}

export interface CmdInstruction extends InstructionBase {
  readonly kind: 'cmd';
  readonly command: CommandLine;
}

export interface EntrypointInstruction extends InstructionBase {
  readonly kind: 'entrypoint';
  readonly command: CommandLine;
}

export interface ShellInstruction extends InstructionBase {
  readonly kind: 'shell';
  readonly shell: readonly string[];
}

/** What COPY and ADD have in common. */
export interface TransferInstruction extends InstructionBase {
  readonly sources: readonly Word[];
  /** Sources given as here-documents. */
  readonly inline: readonly Heredoc[];
  readonly destination: Word;
  readonly chown?: Word | undefined;
  readonly chmod?: Word | undefined;
  readonly link: boolean;
  readonly excludes: readonly Word[];
}

export interface CopyInstruction extends TransferInstruction {
  readonly kind: 'copy';
  readonly from?: Word | undefined;
  readonly parents: boolean;
}

export interface AddInstruction extends TransferInstruction {
  readonly kind: 'add';
  readonly keepGitDir?: boolean | undefined;
  readonly checksum?: Word | undefined;
  readonly unpack?: boolean | undefined;
}

export interface ExposeInstruction extends InstructionBase {
  readonly kind: 'expose';
  readonly ports: readonly Word[];
}

export interface VolumeInstruction extends InstructionBase {
  readonly kind: 'volume';
  readonly paths: readonly Word[];
}

export interface UserInstruction extends InstructionBase {
  readonly kind: 'user';
  readonly user: Word;
}

export interface WorkdirInstruction extends InstructionBase {
  readonly kind: 'workdir';
  readonly path: Word;
}

export interface StopSignalInstruction extends InstructionBase {
  readonly kind: 'stopsignal';
  readonly signal: Word;
}

export interface MaintainerInstruction extends InstructionBase {
  readonly kind: 'maintainer';
  readonly author: string;
}

/** Durations are nanoseconds; 0 means the default. */
export interface HealthcheckInstruction extends InstructionBase {
  readonly kind: 'healthcheck';
  /** `['NONE']`, `['CMD', …]` or `['CMD-SHELL', text]`, as the image configuration holds it. */
  readonly test: readonly string[];
  readonly interval: number;
  readonly timeout: number;
  readonly startPeriod: number;
  readonly startInterval: number;
  readonly retries: number;
}

export interface OnbuildInstruction extends InstructionBase {
  readonly kind: 'onbuild';
  /** The trigger as the image configuration holds it, heredoc bodies included. */
  readonly expression: string;
}

/** An instruction inside a stage. */
export type StageInstruction =
  | ArgInstruction
  | EnvInstruction
  | LabelInstruction
  | RunInstruction
  | CmdInstruction
  | EntrypointInstruction
  | ShellInstruction
  | CopyInstruction
  | AddInstruction
  | ExposeInstruction
  | VolumeInstruction
  | UserInstruction
  | WorkdirInstruction
  | StopSignalInstruction
  | MaintainerInstruction
  | HealthcheckInstruction
  | OnbuildInstruction;

export type Instruction = FromInstruction | StageInstruction;

export interface Stage {
  readonly from: FromInstruction;
  readonly instructions: readonly StageInstruction[];
}

/** The names of BuildKit's build checks. */
export type CheckRule =
  | 'StageNameCasing'
  | 'FromAsCasing'
  | 'NoEmptyContinuation'
  | 'ConsistentInstructionCasing'
  | 'DuplicateStageName'
  | 'ReservedStageName'
  | 'JSONArgsRecommended'
  | 'MaintainerDeprecated'
  | 'UndefinedArgInFrom'
  | 'WorkdirRelativePath'
  | 'UndefinedVar'
  | 'MultipleInstructionsDisallowed'
  | 'LegacyKeyValueFormat'
  | 'InvalidBaseImagePlatform'
  | 'RedundantTargetPlatform'
  | 'SecretsUsedInArgOrEnv'
  | 'InvalidDefaultArgInFrom'
  | 'FromPlatformFlagConstDisallowed'
  | 'CopyIgnoredFile'
  | 'InvalidDefinitionDescription'
  | 'ExposeProtoCasing'
  | 'ExposeInvalidFormat';

/** A remark that does not stop the build, unless `# check=error=true` says so. */
export interface CheckFinding {
  readonly rule: CheckRule;
  readonly message: string;
  /** The whole instruction, or the line that is meant. */
  readonly range: SourceRange;
}

/** What the directive `check` asks for. */
export interface CheckOptions {
  readonly skip: ReadonlySet<string> | 'all';
  readonly experimental: ReadonlySet<string> | 'all';
  /** Findings fail the build. */
  readonly error: boolean;
}

/** A parsed Dockerfile. */
export interface Dockerfile {
  /** What errors and excerpts call the file. */
  readonly name: string;
  readonly source: string;
  readonly directives: readonly Directive[];
  readonly escape: '\\' | '`';
  /** ARG instructions before the first FROM. */
  readonly globalArgs: readonly ArgInstruction[];
  readonly stages: readonly Stage[];
  readonly checks: CheckOptions;
  /** What the text alone shows; what `checks` skips is not there. */
  readonly findings: readonly CheckFinding[];
}

/** A `--mount` of RUN after its variables were expanded. */
export type RunMount =
  | {
      readonly kind: 'bind';
      readonly target: string;
      readonly source: string;
      readonly from: string | undefined;
      readonly writable: boolean;
    }
  | {
      readonly kind: 'cache';
      readonly id: string;
      readonly target: string;
      readonly source: string;
      readonly from: string | undefined;
      readonly sharing: 'shared' | 'private' | 'locked';
      readonly readonly: boolean;
      readonly mode: number;
      readonly uid: number;
      readonly gid: number;
    }
  | { readonly kind: 'tmpfs'; readonly target: string; readonly sizeBytes: number | undefined }
  | {
      readonly kind: 'secret';
      readonly id: string;
      /** Undefined when the secret is only an environment variable. */
      readonly target: string | undefined;
      readonly env: string | undefined;
      readonly required: boolean;
      readonly mode: number;
      readonly uid: number;
      readonly gid: number;
    }
  | {
      readonly kind: 'ssh';
      readonly id: string;
      readonly target: string | undefined;
      readonly required: boolean;
      readonly mode: number;
      readonly uid: number;
      readonly gid: number;
    };
