/** Texts for people: names that strangers gave, times and durations. */

/** Longest name that is shown. The whole is in its tooltip, up to this too many. */
const SHOWN_LENGTH = 100;
const TOOLTIP_LENGTH = 2_000;

/** What cannot be seen, or changes what is seen beside it: controls, marks of direction, lone surrogates, line ends. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/gu;

const seen = (text: string): string =>
  text.replace(
    UNSEEN,
    (character) => `⟨${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}⟩`,
  );

/** A name as it is shown: one line, nothing unseen in it, cut if it is long. */
export const shownName = (name: string): string => {
  const cut = Array.from(name.slice(0, 2 * SHOWN_LENGTH))
    .slice(0, SHOWN_LENGTH)
    .join('');
  return seen(cut) + (cut.length < name.length ? '…' : '');
};

/** The same for a tooltip. */
export const wholeName = (name: string): string => seen(name.slice(0, TOOLTIP_LENGTH));

/** What is left of a hold. It says zero from the deadline on, and never before. */
export const shownLeft = (leftMs: number): string => {
  if (leftMs <= 0) return '0.0 s';
  const tenths = Math.ceil(leftMs / 100);
  if (tenths < 100) return `${(tenths / 10).toFixed(1)} s`;
  const seconds = Math.ceil(leftMs / 1_000);
  if (seconds < 60) return `${seconds} s`;
  const two = (value: number): string => String(value).padStart(2, '0');
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}:${two(seconds % 60)}`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${two(minutes % 60)} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
};

/** A duration that was measured. */
export const shownMs = (ms: number): string => {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 100_000) return `${(ms / 1_000).toFixed(1)} s`;
  return shownLeft(ms);
};

/** A time of day here, with the day if it is not today's. */
export const shownTime = (epochMs: number, nowMs: number = Date.now()): string => {
  if (!Number.isFinite(epochMs)) return '–';
  const time = new Date(epochMs);
  const clock = time.toLocaleTimeString('en-GB');
  return time.toDateString() === new Date(nowMs).toDateString()
    ? clock
    : `${time.toLocaleDateString('en-GB')} ${clock}`;
};
