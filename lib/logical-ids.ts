import type { CfnResource } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';

/**
 * Gives the resource behind a construct a fixed logical id. For what carries data or is named by operators: a refactoring
 * that moved it in the tree would otherwise replace it.
 */
export const keepLogicalId = (construct: IConstruct, logicalId: string): void => {
  (construct.node.defaultChild as CfnResource).overrideLogicalId(logicalId);
};
