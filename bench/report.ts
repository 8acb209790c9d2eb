/** Tables for people, and plots as SVG. */
import { writeFileSync } from 'node:fs';

/** A table in plain text: numbers to the right, text to the left. */
export const textTable = (header: readonly string[], rows: readonly (readonly (string | number)[])[]): string => {
  const cells = [header, ...rows].map((row) => row.map(shown));
  const widths = header.map((_, column) => Math.max(...cells.map((row) => (row[column] ?? '').length)));
  const lines = cells.map((row, line) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return line > 0 && typeof rows[line - 1]?.[column] === 'number' ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd(),
  );
  return [lines[0], widths.map((width) => '─'.repeat(width)).join('  '), ...lines.slice(1)].join('\n');
};

/** Three significant digits where a number has a fraction. */
const shown = (value: string | number): string => {
  if (typeof value === 'string') return value;
  if (!Number.isFinite(value)) return '-';
  if (Number.isInteger(value)) return value.toLocaleString('en-US');
  return Math.abs(value) >= 100 ? Math.round(value).toLocaleString('en-US') : String(Number(value.toPrecision(3)));
};

export interface Series {
  readonly name: string;
  /** Points by rising x. */
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface Plot {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly series: readonly Series[];
  /** Ticks of the x axis, which is logarithmic. */
  readonly xTicks: readonly number[];
  readonly yTicks: readonly number[];
}

const PLOT_WIDTH = 506;
const HEIGHT = 400;
const MARGIN = { top: 44, right: 60, bottom: 52, left: 64 };
/** Width of a letter of the legend, about. */
const LETTER_WIDTH = 7;
const COLOURS = ['#0b6e4f', '#c1440e', '#2f5dab', '#8a5a00', '#7b2d8b', '#555555', '#b3005e', '#1b8ca8'];

/** Draws lines over a logarithmic x axis and a linear y axis. */
export const drawLines = (file: string, { title, xLabel, yLabel, series, xTicks, yTicks }: Plot): void => {
  const legendWidth = LETTER_WIDTH * Math.max(...series.map(({ name }) => name.length));
  const plotRight = MARGIN.left + PLOT_WIDTH;
  const width = plotRight + MARGIN.right + legendWidth;
  const [xMin = 1, xMax = 10] = [xTicks[0], xTicks.at(-1)];
  const [yMin = 0, yMax = 1] = [yTicks[0], yTicks.at(-1)];
  const x = (value: number) =>
    MARGIN.left +
    ((Math.log10(Math.min(xMax, Math.max(xMin, value))) - Math.log10(xMin)) / (Math.log10(xMax) - Math.log10(xMin))) *
      PLOT_WIDTH;
  const y = (value: number) =>
    HEIGHT -
    MARGIN.bottom -
    ((Math.min(yMax, Math.max(yMin, value)) - yMin) / (yMax - yMin)) * (HEIGHT - MARGIN.top - MARGIN.bottom);
  const at = (value: number) => value.toFixed(1);
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${HEIGHT}" font-family="system-ui, sans-serif" font-size="13">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${width}" height="${HEIGHT}" fill="#ffffff"/>`,
    `<text x="${MARGIN.left}" y="24" font-size="16" font-weight="600" fill="#111111">${escaped(title)}</text>`,
    ...xTicks.flatMap((tick) => [
      `<line x1="${at(x(tick))}" y1="${MARGIN.top}" x2="${at(x(tick))}" y2="${HEIGHT - MARGIN.bottom}" stroke="#e4e4e4"/>`,
      `<text x="${at(x(tick))}" y="${HEIGHT - MARGIN.bottom + 18}" text-anchor="middle" fill="#333333">${tick.toLocaleString('en-US')}</text>`,
    ]),
    ...yTicks.flatMap((tick) => [
      `<line x1="${MARGIN.left}" y1="${at(y(tick))}" x2="${plotRight}" y2="${at(y(tick))}" stroke="#e4e4e4"/>`,
      `<text x="${MARGIN.left - 8}" y="${at(y(tick) + 4)}" text-anchor="end" fill="#333333">${tick.toLocaleString('en-US')}</text>`,
    ]),
    `<text x="${(MARGIN.left + plotRight) / 2}" y="${HEIGHT - 12}" text-anchor="middle" fill="#333333">${escaped(xLabel)}</text>`,
    `<text transform="translate(16 ${(MARGIN.top + HEIGHT - MARGIN.bottom) / 2}) rotate(-90)" text-anchor="middle" fill="#333333">${escaped(yLabel)}</text>`,
    ...series.flatMap(({ name, points }, index) => {
      const colour = COLOURS[index % COLOURS.length];
      const path = points.map(([px, py], step) => `${step === 0 ? 'M' : 'L'}${at(x(px))} ${at(y(py))}`).join('');
      const legendY = MARGIN.top + 10 + index * 20;
      return [
        `<path d="${path}" fill="none" stroke="${colour}" stroke-width="2"/>`,
        `<line x1="${plotRight + 14}" y1="${legendY}" x2="${plotRight + 38}" y2="${legendY}" stroke="${colour}" stroke-width="3"/>`,
        `<text x="${plotRight + 44}" y="${legendY + 4}" fill="#111111">${escaped(name)}</text>`,
      ];
    }),
    '</svg>',
  ];
  writeFileSync(file, `${parts.join('\n')}\n`);
};

const escaped = (text: string): string => text.replace(/[&<>]/g, (sign) => `&#${sign.charCodeAt(0)};`);
