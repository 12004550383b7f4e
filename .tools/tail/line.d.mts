export interface RequestRecord {
  outcome: string;
  level?: string;
  reason?: string;
  rule?: number | null;
  rule_name?: string;
  auth_calls?: number;
  ms?: { total?: number };
  status?: number;
}
export declare function recordIn(line: string): RequestRecord | undefined;
export declare function readable(record: RequestRecord, options: { at: Date; dim: (text: string) => string; page?: string; ruleName: (rule: number | null | undefined) => string }): string;
