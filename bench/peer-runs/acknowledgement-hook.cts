/**
 * Loaded into each execution environment before its bundle, by NODE_OPTIONS: tells when a write to DynamoDB has been answered, as
 * the process sees it that made the write. The other end is acknowledgements.ts.
 */
const { ClientRequest } = require('node:http') as typeof import('node:http');
const { BroadcastChannel } = require('node:worker_threads') as typeof import('node:worker_threads');

const WRITES = /\.(BatchExecuteStatement|UpdateItem)$/;
const channel = new BroadcastChannel('acknowledged-writes');
channel.unref();
const { end } = ClientRequest.prototype;

ClientRequest.prototype.end = function (this: InstanceType<typeof ClientRequest>, ...args: unknown[]) {
  const [body] = args;
  if (WRITES.test(String(this.getHeader('x-amz-target'))) && (typeof body === 'string' || body instanceof Uint8Array)) {
    const request = Buffer.from(body).toString();
    this.once('response', (response) => {
      response.once('end', () => channel.postMessage({ atMs: Date.now(), request }));
    });
  }
  return Reflect.apply(end, this, args);
};
