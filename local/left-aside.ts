/**
 * What of a template is not run here. A resource that is marked as strict must be supported whole, else it is an error at
 * start-up. Any other is left aside, and it is said once what was.
 */
import { UnsupportedFilterError } from './event-filter.ts';
import { UnknownPolicyError } from './permissions/policy.ts';
import { type Resource, type Template, UnsupportedTemplateError } from './template.ts';

/** A resource of the template, as whoever decides about it sees it. */
export interface TemplateResource extends Resource {
  readonly logicalId: string;
  /** Path of its construct, such as `Tickets/Table/Resource`; absent where the assembly does not tell. */
  readonly path?: string | undefined;
}

/** A resource, or a part of one, that is not run here. */
export interface NotRun {
  readonly logicalId: string;
  readonly type: string;
  /** Why, or which part; absent for a resource of a type that has no part in driving Lambdas, tables and queues. */
  readonly reason?: string;
}

/**
 * A construct may set this metadata on the resources that it makes, to `true`: then the local runtime refuses to start if it
 * cannot run one of them as AWS would.
 */
export const STRICT_METADATA = 'local-runtime:strict';

/** Whether a construct has marked the resource as strict. */
export const isMarkedStrict = ({ Metadata }: TemplateResource): boolean => Metadata?.[STRICT_METADATA] === true;

/** Errors that tell of something in the template, and not of something that went wrong. */
const ABOUT_TEMPLATE = [UnsupportedTemplateError, UnsupportedFilterError, UnknownPolicyError];

export class LeftAside {
  readonly #template: Template;
  readonly #isStrict: (logicalId: string) => boolean;
  readonly #notRun = new Map<string, NotRun>();

  constructor(template: Template, isStrict: (logicalId: string) => boolean) {
    this.#template = template;
    this.#isStrict = isStrict;
  }

  /** Everything that is not run, in the order in which it was found. */
  get notRun(): readonly NotRun[] {
    return [...this.#notRun.values()];
  }

  isStrict(logicalId: string): boolean {
    return this.#isStrict(logicalId);
  }

  note(logicalId: string, reason?: string): void {
    const type = this.#template.Resources[logicalId]?.Type ?? 'output';
    this.#notRun.set(`${logicalId} ${reason}`, { logicalId, type, ...(reason !== undefined && { reason }) });
  }

  /**
   * Does something that is for one resource. What is not supported there is noted.
   *
   * @returns undefined if the resource is left aside
   * @throws what `act` throws, for a resource that is strict
   */
  attempt<T>(logicalId: string, act: () => T): T | undefined {
    try {
      return act();
    } catch (error) {
      const isAboutTemplate = ABOUT_TEMPLATE.some((each) => error instanceof each);
      if (!isAboutTemplate || this.#isStrict(logicalId)) throw error;
      this.note(logicalId, reasonOf(error));
      return undefined;
    }
  }
}

const reasonOf = (error: unknown): string => {
  if (error instanceof UnsupportedTemplateError) return error.problems.join('; ');
  return error instanceof Error ? error.message.replaceAll('\n', '; ') : String(error);
};

/** Does something for one resource; without anybody to note it, everything must be supported. */
export const attempt = <T>(leftAside: LeftAside | undefined, logicalId: string, act: () => T): T | undefined =>
  leftAside === undefined ? act() : leftAside.attempt(logicalId, act);

/** More resources with the same reason than these are counted, and not named. */
const MOST_BY_NAME = 2;

/** What is not run, as lines for people: whole types first, each counted. */
export const notRunInWords = (notRun: readonly NotRun[]): string[] => {
  const idsOf = new Map<string, string[]>();
  for (const { logicalId, type, reason } of notRun) {
    const key = JSON.stringify([type, reason ?? null]);
    idsOf.set(key, [...(idsOf.get(key) ?? []), logicalId]);
  }
  const groups = [...idsOf].map(([key, ids]) => {
    const [type, reason] = JSON.parse(key) as [string, string | null];
    return { type, reason, ids };
  });
  const whole = groups.filter(({ reason }) => reason === null).map(({ type, ids }) => `${ids.length} ${type}`);
  const parts = groups
    .filter(({ reason }) => reason !== null)
    .map(({ type, reason, ids }) => {
      const which = ids.length > MOST_BY_NAME ? `${ids.length} ${type}` : `${ids.join(', ')} (${type})`;
      return `${which}: ${reason}`;
    });
  return [...(whole.length > 0 ? [whole.join(', ')] : []), ...parts];
};
