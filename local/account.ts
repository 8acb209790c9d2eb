/** The account and the region that everything local belongs to, and its credentials. */

/** The region that all clients of the engines sign for. */
export const REGION = 'us-east-1';
/** The account that the embedded engines' ARNs and queue URLs name. */
export const LOCAL_ACCOUNT_ID = '000000000000';
/**
 * Those of the account's administrator, who may do everything: of applications, commands and the runtime itself. The
 * engines check no signature, but the SDKs want to sign.
 */
export const LOCAL_CREDENTIALS = { accessKeyId: 'local', secretAccessKey: 'local' };
