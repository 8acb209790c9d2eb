/**
 * Loaded into each execution environment before its bundle, by NODE_OPTIONS: notes when a write to DynamoDB has been answered, as
 * the process sees it that made the write. It notes into a file, which wakes no other thread. The other end is acknowledgements.ts.
 */
const { appendFileSync } = require('node:fs') as typeof import('node:fs');
const { ClientRequest } = require('node:http') as typeof import('node:http');

const WRITES = /\.(BatchExecuteStatement|UpdateItem)$/;
const file = process.env.ACKNOWLEDGED_WRITES_FILE ?? '';
const { end } = ClientRequest.prototype;

ClientRequest.prototype.end = function (this: InstanceType<typeof ClientRequest>, ...args: unknown[]) {
  const [body] = args;
  if (WRITES.test(String(this.getHeader('x-amz-target'))) && (typeof body === 'string' || body instanceof Uint8Array)) {
    this.once('response', (response) => {
      response.once('end', () => {
        const atMs = Date.now();
        appendFileSync(file, `${JSON.stringify({ atMs, request: Buffer.from(body).toString() })}\n`);
      });
    });
  }
  return Reflect.apply(end, this, args);
};
