/** The policies that AWS keeps itself and that a role of a template may name (AWS Managed Policy Reference Guide). */

const LOGS = ['logs:CreateLogGroup', 'logs:CreateLogStream', 'logs:PutLogEvents'];

const ACTIONS_ON_EVERYTHING: Readonly<Record<string, readonly string[]>> = {
  'service-role/AWSLambdaBasicExecutionRole': LOGS,
  'service-role/AWSLambdaDynamoDBExecutionRole': [
    'dynamodb:DescribeStream',
    'dynamodb:GetRecords',
    'dynamodb:GetShardIterator',
    'dynamodb:ListStreams',
    ...LOGS,
  ],
  'service-role/AWSLambdaSQSQueueExecutionRole': [
    'sqs:ReceiveMessage',
    'sqs:DeleteMessage',
    'sqs:GetQueueAttributes',
    ...LOGS,
  ],
};

/** The document of a policy that AWS keeps, by its ARN; undefined if it is not known here. */
export const managedPolicyDocument = (arn: string): object | undefined => {
  const name = /^arn:[^:]+:iam::aws:policy\/(.+)$/.exec(arn)?.[1] ?? '';
  const Action = ACTIONS_ON_EVERYTHING[name];
  return Action && { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action, Resource: '*' }] };
};
