/** The page: makes its parts, and draws what has changed with each frame. */

import { Actions, answeredAtMs } from './actions.ts';
import type { About } from './api.ts';
import { Behind } from './behind.ts';
import { Bookings } from './bookings.ts';
import { now } from './clock.ts';
import { byId, setAttribute, setText } from './dom.ts';
import { type Connection, Feed } from './feed.ts';
import { HoldList, OVERDUE_MS } from './hold-list.ts';
import { LagPlot } from './lag-plot.ts';
import { MovesList } from './moves-list.ts';
import { SeatPlan } from './seat-plan.ts';
import { shownTime } from './words.ts';

let about: About | undefined;
let isWhole = true;
const bookings = new Bookings();
const behind = new Behind();

const showAbout = (told: About): void => {
  about = told;
  document.body.classList.toggle('is-local', told.local);
  for (const each of document.querySelectorAll<HTMLElement>('.local')) each.hidden = !told.local;
  for (const each of document.querySelectorAll<HTMLElement>('.deployed')) each.hidden = told.local;
  byId('not-listed').hidden = told.listsSettled;
  byId('token-label').hidden = told.local;
};

const CONNECTIONS: Readonly<Record<Connection, string>> = {
  loading: 'Loading…',
  live: 'Live',
  polling: 'Asking every 2 s',
  paused: 'Paused',
  disconnected: 'Disconnected',
  refused: 'Not let in',
};

let disconnectedAtMs: number | undefined;
const showConnection = (connection: Connection, detail: string): void => {
  const isOff = connection === 'disconnected' || connection === 'refused';
  disconnectedAtMs = isOff ? (disconnectedAtMs ?? Date.now()) : undefined;
  const since = disconnectedAtMs === undefined ? '' : ` since ${shownTime(disconnectedAtMs)}, trying again`;
  setAttribute(byId('connection'), 'data-state', connection);
  setText(byId('connection-text'), CONNECTIONS[connection] + since);
  setAttribute(byId('connection'), 'title', detail);
};

const list = new HoldList(
  bookings,
  () => ({ isLocal: about?.local === true, isConnected: disconnectedAtMs === undefined }),
  (action, known) => void actions.act(action, known),
);
const feed = new Feed({
  bookings,
  onAbout: showAbout,
  onConnection: showConnection,
  onLoaded: (whole) => {
    isWhole = whole;
    list.isLoaded = true;
  },
  onState: (state) => behind.take(state),
});
const actions = new Actions({
  about: () => about,
  onBooking: (booking) => feed.takeAnswer(booking),
  onTimerToBeLost: (bookingId, expiresAt) => bookings.setTimer(bookingId, expiresAt, 'to be lost'),
  onSwept: (expired, scheduled) => behind.noteSweep(answeredAtMs(), expired, scheduled),
});
const parts = [list, new MovesList(bookings), new LagPlot(bookings), new SeatPlan(bookings), behind];

const drawCounts = (): void => {
  if (!list.isLoaded) return;
  const nowMs = now();
  let running = 0;
  let overdue = 0;
  for (const { stored, expiresAtMs } of bookings.holds) {
    if (stored !== 'PENDING') continue;
    if (expiresAtMs > nowMs) running += 1;
    else if (expiresAtMs <= nowMs - OVERDUE_MS) overdue += 1;
  }
  setText(byId('n-holds'), running.toLocaleString('en') + (isWhole ? '' : '+'));
  setText(byId('n-overdue'), disconnectedAtMs === undefined ? overdue.toLocaleString('en') : '?');
  byId('tile-overdue').classList.toggle('on', overdue > 0);
};

const frame = (): void => {
  bookings.tidy();
  drawCounts();
  for (const part of parts) part.draw();
  requestAnimationFrame(frame);
};
frame();
void feed.run();
