export type Status = "queued" | "processing" | "completed" | "failed" | "cancelled";

/** A job; see GET /content-architect/openapi.json for all members. */
export interface Job {
  jobId: string;
  type: string;
  topic: string;
  status: Status;
  message: string;
  estimatedCompletionTime: string | null;
  progress: { currentStep: string | null; completedSteps: string[]; totalSteps: number; percentage: number };
  sequence: number;
  warnings: { severity: "error" | "warning" | "info"; code: string; where: string; fix: string }[];
  error?: { code: string; message: string; step: string | null; retryable: boolean };
  links: Record<string, string>;
  result?: unknown;
  [member: string]: unknown;
}

export type JobSummary = Pick<Job, "jobId" | "type" | "topic" | "status" | "links"> & { [member: string]: unknown };

/** Something that happened to a job. Ephemeral progress has no sequence. */
export interface JobUpdate {
  event: "JobUpdate";
  type: "status_change" | "progress_update" | "step_completed" | "error" | "result_ready";
  jobId: string;
  sequence?: number;
  ephemeral?: true;
  timestamp: string;
  data: Record<string, unknown>;
}

export interface Callback {
  type: string;
  timestamp: string;
  data: JobUpdate;
}

export interface RetryOptions {
  retries?: number;
  base?: number;
  longest?: number;
  longestHint?: number;
  chance?: () => number;
}

export interface ClientOptions {
  baseUrl: string;
  apiKey?: string;
  getToken?: () => string | Promise<string>;
  protocol?: "reliable" | "json";
  retry?: RetryOptions;
  fetch?: typeof fetch;
  sleep?: (seconds: number) => Promise<void>;
}

export interface Subscription {
  event: "SubscribeToJob" | "UnsubscribeFromJob";
  jobId: string;
  subscribed: boolean;
  lastSequence?: number;
  job?: Record<string, unknown>;
  links?: Record<string, string>;
}

export class Updates {
  on(name: "JobUpdate", handler: (update: JobUpdate) => void): this;
  on(name: "JobEnded", handler: (job: Job) => void): this;
  on(name: "Connected", handler: () => void): this;
  on(name: "Disconnected", handler: (reason: string) => void): this;
  on(name: "Error", handler: (error: Error) => void): this;
  start(): Promise<this>;
  stop(): Promise<void>;
  invoke(name: "SubscribeToJob" | "UnsubscribeFromJob", jobId: string): Promise<Subscription>;
}

export class ContentArchitectClient {
  constructor(options: ClientOptions);
  submit(request: Record<string, unknown>, options?: { key?: string; wait?: number }): Promise<Job>;
  job(jobId: string): Promise<Job>;
  wait(jobId: string, options?: { within?: number }): Promise<Job>;
  result(jobId: string, options?: { form?: "json"; within?: number }): Promise<Record<string, unknown>>;
  result(jobId: string, options: { form: "markdown" | "html"; within?: number }): Promise<string>;
  watch(jobId: string, options?: { after?: number; socket?: boolean }): AsyncGenerator<JobUpdate, Job, undefined>;
  updates(): Updates;
  cancel(jobId: string): Promise<Job>;
  retry(jobId: string, options?: { fromScratch?: boolean }): Promise<Job>;
  list(filters?: Record<string, string>): AsyncGenerator<JobSummary, void, undefined>;
}

export class ContentArchitectError extends Error {
  retryable: boolean;
}
export class NoAnswer extends ContentArchitectError {}
export class ApiError extends ContentArchitectError {
  status: number;
  code: string;
  traceId: string;
  retryAfter?: number;
  problem: Record<string, unknown>;
  fields: { pointer: string; detail: string }[];
}
export class JobNotDone extends ContentArchitectError {
  job: Job;
  code: string;
}
export class TookTooLong extends ContentArchitectError {
  job: Job;
}
export class SubscriptionRefused extends ContentArchitectError {
  code: string;
}
export class CallbackRefused extends ContentArchitectError {}

export function verifyCallback(
  secrets: string | string[],
  headers: Headers | Record<string, string>,
  body: string | Uint8Array | ArrayBuffer,
  now?: number,
): Promise<Callback>;
