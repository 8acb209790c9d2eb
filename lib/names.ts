import { type CfnResource, Validations } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';

/**
 * Gives the resource behind a construct a fixed logical id. For what carries data or is named by operators: a refactoring
 * that moved it in the tree would otherwise replace it.
 */
export const keepLogicalId = (construct: IConstruct, logicalId: string): void => {
  (construct.node.defaultChild as CfnResource).overrideLogicalId(logicalId);
};

/** Accepts a finding of cdk-nag on a construct and what is below it, for a reason that whoever reviews it reads. */
export const acceptFinding = (construct: IConstruct, id: string, reason: string): void => {
  Validations.of(construct).acknowledge({ id, reason });
};
