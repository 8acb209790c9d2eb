/** The account and the region that everything local belongs to, its ARNs, and its credentials. */

/** The region that all clients of the engines sign for. */
export const REGION = 'us-east-1';
/** The account that the embedded engines' ARNs and queue URLs name. */
export const LOCAL_ACCOUNT_ID = '000000000000';
/** @param region empty for a service that is everywhere at once */
export const localArn = (service: string, resource: string, region = REGION): string =>
  `arn:aws:${service}:${region}:${LOCAL_ACCOUNT_ID}:${resource}`;
/**
 * Those of the account's administrator, who may do everything: of applications, commands and the runtime itself. The
 * engines check no signature, but the SDKs want to sign.
 */
export const LOCAL_CREDENTIALS = { accessKeyId: 'local', secretAccessKey: 'local' };
