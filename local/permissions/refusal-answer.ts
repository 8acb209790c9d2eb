/**
 * How AWS answers a request that is not authorized: each service in its own protocol, under its own name for the error and
 * in AWS's words (AWS Identity and Access Management User Guide, Troubleshoot access denied error messages).
 */
import type { Refusal } from './gate.ts';

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** @param sessionArn who asked: a role in use */
export const refusalText = (refusal: Refusal, sessionArn: string): string => {
  if (refusal.kind === 'unknown request') {
    const { service, operation = 'a request without an operation' } = refusal.request;
    return `User: ${sessionArn} is not authorized: the local runtime does not know which permissions ${service} ${operation} needs`;
  }
  const { need, denial } = refusal;
  // SQS writes its actions in lower case.
  const action = need.action.startsWith('sqs:') ? need.action.toLowerCase() : need.action;
  const why =
    denial === undefined
      ? `because no identity-based policy allows the ${action} action`
      : `with an explicit deny in ${denial.kind === 'identity' ? 'an identity-based' : 'a resource-based'} policy`;
  return `User: ${sessionArn} is not authorized to perform: ${action} on resource: ${need.resource} ${why}`;
};

/** @param isJson whether the request came in a JSON protocol */
export const refusalAnswer = (service: string, isJson: boolean, refusal: Refusal, sessionArn: string): HttpAnswer => {
  const text = refusalText(refusal, sessionArn);
  const isOfKey = refusal.kind === 'not authorized' && refusal.need.action.startsWith('kms:');
  if (service === 'sqs') {
    return sqsAnswer(isJson, isOfKey ? ['KmsAccessDenied', 'KMS.AccessDeniedException'] : DENIED_BY_SQS, text);
  }
  if (service === 'dynamodb') return jsonAnswer('1.0', 'com.amazon.coral.service#AccessDeniedException', text);
  return jsonAnswer('1.1', 'AccessDeniedException', text);
};

/** The answer to a request that is signed with a key that nobody has. */
export const unknownKeyAnswer = (service: string, isJson: boolean): HttpAnswer => {
  const text = 'The security token included in the request is invalid.';
  return service === 'sqs'
    ? sqsAnswer(isJson, ['InvalidClientTokenId', 'InvalidClientTokenId'], text)
    : jsonAnswer(service === 'dynamodb' ? '1.0' : '1.1', 'com.amazon.coral.service#UnrecognizedClientException', text);
};

/** Of the error: its name in the JSON protocol, and in the older one. */
type SqsErrorNames = readonly [json: string, query: string];
const DENIED_BY_SQS: SqsErrorNames = ['AccessDeniedException', 'AccessDenied'];

const jsonAnswer = (version: string, __type: string, Message: string): HttpAnswer => ({
  status: 400,
  headers: { 'content-type': `application/x-amz-json-${version}` },
  body: JSON.stringify({ __type, Message }),
});

const sqsAnswer = (isJson: boolean, [json, query]: SqsErrorNames, text: string): HttpAnswer =>
  isJson
    ? {
        status: 403,
        headers: { 'content-type': 'application/x-amz-json-1.0', 'x-amzn-query-error': `${query};Sender` },
        body: JSON.stringify({ __type: `com.amazon.coral.service#${json}`, message: text }),
      }
    : {
        status: 403,
        headers: { 'content-type': 'text/xml' },
        body:
          '<?xml version="1.0"?><ErrorResponse xmlns="http://queue.amazonaws.com/doc/2012-11-05/"><Error><Type>Sender</Type>' +
          `<Code>${query}</Code><Message>${escapedXml(text)}</Message><Detail/></Error></ErrorResponse>`,
      };

const escapedXml = (text: string): string =>
  text.replace(/[<>&]/g, (character) => ({ '<': '&lt;', '>': '&gt;' })[character] ?? '&amp;');
