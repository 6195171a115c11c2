// What can go wrong. Every error says whether the same call may succeed later (`retryable`).

export class ContentArchitectError extends Error {
  retryable = false;
}

/** Nobody answered: refused, cut, timed out. */
export class NoAnswer extends ContentArchitectError {
  retryable = true;
}

/** The service refused. `problem` is its problem document (RFC 9457), `code` the stable part of it. */
export class ApiError extends ContentArchitectError {
  constructor(status, problem, retryAfter) {
    const fields = (problem.errors ?? []).map((field) => `\n  ${field.pointer || "/"}: ${field.detail}`).join("");
    super(`${problem.code ?? "unknown"} (${status}): ${problem.detail ?? ""}${fields}`);
    this.status = status;
    this.problem = problem;
    this.code = problem.code ?? "unknown";
    this.traceId = problem.traceId ?? "";
    this.fields = problem.errors ?? [];
    this.retryAfter = retryAfter;
    this.retryable = [408, 429, 500, 502, 503, 504].includes(status);
  }
}

/** The job ended without a result. */
export class JobNotDone extends ContentArchitectError {
  constructor(job) {
    super(`the job ${job.jobId} is ${job.status}: ${job.error?.message ?? job.message}`);
    this.job = job;
    this.code = job.error?.code ?? job.status;
    this.retryable = job.error?.retryable ?? false;
  }
}

/** The job has not ended within the given time; it goes on. */
export class TookTooLong extends ContentArchitectError {
  retryable = true;
  constructor(job) {
    super(`the job ${job.jobId} is still ${job.status}`);
    this.job = job;
  }
}

/** SubscribeToJob was refused; `code` says why. */
export class SubscriptionRefused extends ContentArchitectError {
  constructor({ code, message, retryable }) {
    super(`${code}: ${message}`);
    this.code = code;
    this.retryable = retryable ?? false;
  }
}

/** The callback is not to be trusted. */
export class CallbackRefused extends ContentArchitectError {}
