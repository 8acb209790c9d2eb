/** One action on one resource. */
export interface Need {
  readonly action: string;
  /** ARN, or `*` for an action that takes no resource. */
  readonly resource: string;
}
