/** The local runtime for a user's own CDK app: what `booking-expiry/testing` exports. docs/testing.md shows its use. */
export { AssemblyError } from './assembly.ts';
export { EngineError } from './engines.ts';
export { InvocationError, type LambdaHost } from './lambda-host.ts';
export { type NotRun, notRunInWords, STRICT_METADATA, type TemplateResource } from './left-aside.ts';
export { MissingPermissionError } from './permissions/judged-duties.ts';
export { type LocalRuntime, type RuntimeOptions, startRuntime } from './runtime.ts';
export { RuntimeFileError } from './runtime-file.ts';
export { SynthesisError, type SynthesizableApp } from './synth.ts';
export { UnsupportedTemplateError } from './template.ts';
