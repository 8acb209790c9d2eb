import { Validations } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';

/** Accepts a finding of cdk-nag on a construct and what is below it, for a reason that whoever reviews it reads. */
export const acceptFinding = (construct: IConstruct, id: string, reason: string): void => {
  // Older versions of aws-cdk-lib have none, and nothing that would find it.
  (Validations as typeof Validations | undefined)?.of(construct).acknowledge({ id, reason });
};
