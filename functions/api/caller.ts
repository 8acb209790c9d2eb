/** Who the gateway found a caller to be. Idempotency keys belong to their caller. */

/** What the gateway's authorizer says, whichever it is. */
export interface Identity {
  readonly iam?: { readonly userArn?: string | undefined } | undefined;
  readonly jwt?: { readonly claims?: Readonly<Record<string, unknown>> } | undefined;
}

/**
 * The caller's name: of a JWT its issuer and subject, else the IAM identity. A role is one caller whatever its session is
 * called: a retry may come from another process, whose session has another name.
 */
export const callerOf = ({ iam, jwt }: Identity): string => {
  const { iss = '', sub, client_id: clientId } = jwt?.claims ?? {};
  // Tokens of machines need not have a subject (RFC 9068 asks for one, older issuers leave it out).
  const subject = sub ?? clientId;
  return subject === undefined ? withoutSession(iam?.userArn ?? '') : `${iss}#${subject}`;
};

/** `arn:aws:sts::123456789012:assumed-role/Role/session` without the session. */
const withoutSession = (arn: string): string =>
  arn.replace(/^(arn:[^:]*:sts:[^:]*:[^:]*:assumed-role\/[^/]+)\/.*$/, '$1');
