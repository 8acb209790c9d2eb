/** The code of docs/from-django.md, run as it stands there: only ports, and the place of the virtual environment, are others. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PROJECT_DIRECTORY } from '../../service/project.ts';
import { freePorts, printedBy, run, start } from './processes.ts';
import { EXAMPLE } from './python.ts';

interface Block {
  /** The heading of the second level that it stands below. */
  readonly section: string;
  readonly language: string;
  readonly text: string;
}

const GUIDE = join(PROJECT_DIRECTORY, 'docs/from-django.md');

/** All blocks of the guide, in their order, without their indentation. */
export const guideBlocks = (): Block[] =>
  readFileSync(GUIDE, 'utf8')
    .split(/^## /m)
    .flatMap((part) => {
      const [section = ''] = part.split('\n');
      return Array.from(
        part.matchAll(/^([ \t]*)```(\w+)\n([\s\S]*?)^[ \t]*```/gm),
        ([, indentation = '', language = '', text = '']) => ({
          section,
          language,
          text: text.replaceAll(new RegExp(`^${indentation}`, 'gm'), ''),
        }),
      );
    });

const blocksOf = (section: string, language: string): string[] => {
  const found = guideBlocks().filter((block) => block.section.startsWith(section) && block.language === language);
  if (found.length === 0) throw new Error(`the guide has no ${language} in “${section}”`);
  return found.map(({ text }) => text);
};

const check = (what: string, got: string, wanted: string): boolean => {
  const right = got.trim() === wanted.trim();
  console.log(`${right ? 'right' : 'WRONG'}  the guide: ${what}`);
  if (!right) console.log(`it shows\n${wanted}\nand it was\n${got}`);
  return right;
};

/** @param programs the directory of the virtual environment's programs */
export const runGuide = async (programs: string): Promise<boolean> => {
  const directory = mkdtempSync(join(tmpdir(), 'booking-expiry-guide-'));
  const [shopPort = 0, apiPort = 0, dynamodbPort = 0, sqsPort = 0] = await freePorts(4);
  const here = (text: string): string =>
    text
      .replaceAll('127.0.0.1:8001', `127.0.0.1:${shopPort}`)
      .replaceAll('runserver --noreload 8001', `runserver --noreload ${shopPort}`)
      .replaceAll('127.0.0.1:3000', `127.0.0.1:${apiPort}`)
      .replaceAll('127.0.0.1:8000', `127.0.0.1:${dynamodbPort}`)
      .replaceAll('127.0.0.1:9324', `127.0.0.1:${sqsPort}`)
      .replaceAll('python3 -m venv .venv && . .venv/bin/activate', `. ${join(programs, 'activate')}`);
  const ofService = {
    RUNTIME_FILE: join(directory, 'runtime.json'),
    PORT: String(apiPort),
    DYNAMODB_PORT: String(dynamodbPort),
    SQS_PORT: String(sqsPort),
    DYNAMODB_ENDPOINT: '',
    SQS_ENDPOINT: '',
  };
  const ofShop = { DATABASE_URL: `sqlite:///${join(directory, 'shop.sqlite3')}` };
  const [startService = '', startShop = '', firstBooking = ''] = blocksOf('On your machine', 'sh').map(here);

  const service = start('bash', ['-euc', startService], ofService, PROJECT_DIRECTORY);
  await printedBy(service, /booking-expiry is running[\s\S]*Ctrl-C/);
  const shop = start('bash', ['-euc', startShop], ofShop, PROJECT_DIRECTORY);
  await printedBy(shop, /Starting development server|Quit the server/, 60_000);
  const first = await run('bash', ['-euc', firstBooking], {}, PROJECT_DIRECTORY);
  let right = check(
    'the first booking expires',
    `${/"status": "\w+"/.exec(first.printed)?.[0]}, ${/"expired_at": (null|"\d{4})/.exec(first.printed)?.[0]}`,
    `"status": "EXPIRED", "expired_at": "${new Date().getUTCFullYear()}`,
  );

  const ofManage = {
    ...ofShop,
    DEBUG: '1',
    BOOKING_EXPIRY_URL: `http://127.0.0.1:${apiPort}`,
    BOOKING_EXPIRY_AUTH: '',
    PATH: `${programs}:${process.env.PATH}`,
    DJANGO_SETTINGS_MODULE: 'shop.settings',
  };
  const python = (script: string, environment: NodeJS.ProcessEnv = {}) => {
    const file = join(directory, 'script.py');
    writeFileSync(file, `import django\n\ndjango.setup()\n${script}`);
    return run(join(programs, 'python'), [file], { ...ofManage, PYTHONPATH: EXAMPLE, ...environment });
  };
  const oldWay = await python(
    'from datetime import timedelta\nfrom bookings.services import BookingService\n' +
      'for seat in "ABC":\n    BookingService.create(seat, timedelta(minutes=15))\n',
    { BOOKING_EXPIRY_URL: '' },
  );
  right = check('three bookings of the old way', oldWay.printed, '') && right;
  const shown = blocksOf('Moving over', 'text');
  for (const [index, commands] of blocksOf('Moving over', 'sh').entries()) {
    const { printed } = await run('bash', ['-euc', commands], ofManage);
    right = check(commands.trim(), printed, shown[index] ?? 'nothing') && right;
  }
  const { bookings } = (await (await fetch(`http://127.0.0.1:${apiPort}/api/v1/bookings?status=PENDING`)).json()) as {
    bookings: unknown[];
  };
  right = check('the service has their timers', String(bookings.length), '3') && right;

  right = (await runSecondWay(python, here)) && right;
  for (const started of [service, shop]) await started.kill();
  rmSync(directory, { recursive: true, force: true });
  return right;
};

/** Two rows to be moved, all Python blocks as one program, and a message in a queue for the listener. */
const runSecondWay = async (
  python: (script: string) => ReturnType<typeof run>,
  here: (text: string) => string,
): Promise<boolean> => {
  const before = `
from datetime import datetime, timezone
from bookings.models import Booking
Booking.objects.all().delete()
for day in (1, 2):
    Booking.objects.create(seat="7A", details={"weight": 1.5}, expires_at=datetime(2099, 1, day, 10, tzinfo=timezone.utc))
`;
  const after = `
queue_url = sqs.create_queue(QueueName="shop-expiries")["QueueUrl"]
sqs.send_message(QueueUrl=queue_url, MessageBody=json.dumps({"detail-type": "BookingExpired", "detail": {"bookingId": paid}}))
heard = []
assert listen_once(queue_url, heard.append) == 1
assert heard == [{"bookingId": paid}]
for wrong in (None, datetime(2026, 12, 1)):
    try:
        deadline_ms(wrong)
        raise SystemExit(f"{wrong} was taken for a deadline")
    except ValueError:
        pass
for booking in Booking.objects.all():
    item = read(str(booking.pk))
    assert item["status"] == "PENDING" and 0 <= item["pendingShard"] < 10
    assert item["expiresAtMs"] == deadline_ms(booking.expires_at)
`;
  const [shown = ''] = blocksOf('The second way', 'text');
  const { printed } = await python(before + here(blocksOf('The second way', 'python').join('\n')) + after);
  return check('the second way, all of its Python', printed, shown);
};
