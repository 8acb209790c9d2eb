/** `npm run page`: the page of a deployment, in a browser on this machine. */
import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { webhookUrlProblem } from '../functions/core/webhook-url.ts';
import { parseOptions, portFrom, UsageError } from '../terminal/usage.ts';
import { reasonOf, runCommand } from './connect.ts';
import { startPageProxy } from './page-proxy.ts';
import type { Caller } from './signing.ts';

const USAGE = `Usage: npm run page -- --stack <name> [options]

Lets a browser on this machine see the page of a deployment (-c page=true), until Ctrl-C. Each request is signed with the
credentials of the AWS configuration, which need execute-api:Invoke, or gets the JWT of --token.

  --stack <name>     the deployed stack, such as booking-expiry-prod
  --url <url>        the HTTP API, instead of the stack's output ApiUrl
  --region <region>  its region (default: the AWS configuration's)
  --token <jwt>      for an HTTP API that wants a JWT (-c jwtIssuer)
  --port <port>      where to listen (default: any free port)
  -h, --help         this text

Whoever knows the printed address can do what you can, for as long as this runs. It is on loopback only.

Exit codes: 0 it was stopped; 1 there is no such page; 2 wrong usage.`;

const readOptions = () => {
  const { values } = parseOptions({
    options: {
      stack: { type: 'string' },
      url: { type: 'string' },
      region: { type: 'string' },
      token: { type: 'string' },
      port: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return { ...values, port: 0 };
  if (!values.stack && !values.url)
    throw new UsageError('--stack or --url must say which deployment; the page of npm start is at its own address');
  const problem = values.url === undefined ? undefined : webhookUrlProblem(values.url);
  if (problem !== undefined) throw new UsageError(`--url must ${problem}`);
  return { ...values, port: portFrom('--port', values.port, 0) };
};

/** The API's URL, as the stack's output says. */
const apiUrlOf = async (client: CloudFormationClient, stack: string): Promise<string> => {
  const { Stacks: [found] = [] } = await client
    .send(new DescribeStacksCommand({ StackName: stack }))
    .catch((error): never => {
      throw new Error(`cannot read the stack ${stack}: ${reasonOf(error)}`, { cause: error });
    });
  const url = found?.Outputs?.find(({ OutputKey }) => OutputKey === 'ApiUrl')?.OutputValue;
  if (url === undefined) throw new Error(`the stack ${stack} must have the output ApiUrl, it has none`);
  return url;
};

runCommand('page', async () => {
  const options = readOptions();
  if (options.help) {
    console.log(USAGE);
    return;
  }
  const client = new CloudFormationClient(options.region === undefined ? {} : { region: options.region });
  const { region, credentials } = client.config;
  const caller: Caller =
    options.token === undefined ? { region: await region(), credentials } : { token: options.token };
  const apiUrl = options.url ?? (await apiUrlOf(client, options.stack ?? ''));
  const proxy = await startPageProxy({ apiUrl, caller, port: options.port });
  const { status } = await fetch(proxy.address);
  if (status !== 200) {
    await proxy.stop();
    const reason =
      status === 401 || status === 403
        ? 'it does not let you in: execute-api:Invoke, or the scope of the JWT, may be missing'
        : 'deploy it with -c page=true';
    throw new Error(`${apiUrl} serves no page, it answers ${status}: ${reason}`);
  }
  console.log(`The page of ${apiUrl}, until Ctrl-C:\n\n  ${proxy.address}\n`);
  process.once('SIGINT', () => void proxy.stop());
  process.once('SIGTERM', () => void proxy.stop());
});
