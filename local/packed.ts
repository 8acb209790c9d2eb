/**
 * What the package's testing.js holds: what `booking-expiry/testing` exports, and the command, which is nearly all the same code.
 * The declarations name the former only.
 */
export { runCommand } from './command.ts';
export * from './testing.ts';
