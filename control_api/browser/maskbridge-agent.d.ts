/** What went wrong. `code` is the API's, or one of those named here. `status` is the reply's, 0 where there was none. */
export class MaskbridgeError extends Error {
  readonly code: "microphone_refused" | "no_connection" | "not_supported" | "closed" | "ended" | "conflict" | string;
  readonly status: number;
}

/** How a connection sounds. `mos` is from 1 to 4.5. */
export interface Quality {
  mos: number;
  grade: "good" | "fair" | "poor";
  lossPercent: number;
  jitterMs: number;
  roundTripMs: number;
}

/** How loud both sides are, from 0 to 1; ten times a second. */
export interface Levels {
  microphone: number;
  speaker: number;
}

export function grade(loss: number, jitterS: number, roundTripS: number): Quality;

/** `on` returns what takes the listener off again. */
interface Listens<Events> {
  on<Name extends keyof Events>(event: Name, listener: (...facts: Extract<Events[Name], unknown[]>) => void): () => void;
  off<Name extends keyof Events>(event: Name, listener: (...facts: Extract<Events[Name], unknown[]>) => void): void;
}

interface Place {
  /** Where the service is; default: where the page is from. */
  url?: string;
  /** A token, or what gets one: asked again when the service takes it no more. */
  token?: string | (() => string | Promise<string>);
  /** In place of a token: that of the session whose cookie the browser has. */
  csrfToken?: string;
  /** The id of a device, as `devices()` tells them. */
  microphone?: string;
  speaker?: string;
  /** Whether the browser takes echo and noise out of what the microphone hears; default true. */
  processing?: boolean;
}

export type CallState = "ringing" | "connecting" | "connected" | "held" | "reconnecting" | "ended";
export type EndReason =
  | "hung_up" | "other_party" | "connection_lost" | "agent_removed"
  | "answered_elsewhere" | "cancelled" | "declined" | "failed";

type AudioEvents = {
  levels: [Levels];
  /** Every two seconds. */
  quality: [Quality];
  /** The browser plays nothing until somebody clicks into the page. */
  blocked: [];
};

type CallEvents = AudioEvents & { state: [CallState]; ended: [EndReason]; muted: [boolean] };

/** A call of the agent's. */
export interface AgentCall extends Listens<CallEvents> {}
export class AgentCall {
  readonly id: string;
  readonly maskedNumber: string;
  readonly direction: "incoming" | "outgoing";
  readonly reference: string | null;
  readonly state: CallState;
  readonly endReason: EndReason | null;
  readonly muted: boolean;
  readonly held: boolean;
  /** Take the call in this page; resolves once it is connected. */
  answer(options?: { microphone?: string }): Promise<void>;
  decline(): Promise<void>;
  hangUp(): Promise<void>;
  mute(muted?: boolean): void;
  hold(): Promise<void>;
  resume(): Promise<void>;
  /** 1 to 32 of 0-9, *, # and A-D. */
  press(keys: string): Promise<void>;
  useMicrophone(id?: string): Promise<void>;
  useSpeaker(id?: string): Promise<void>;
  /** Find a way through the network anew; happens by itself when one is lost. */
  reconnect(): Promise<void>;
}

export interface AgentState {
  presence: "available" | "away" | "busy";
  /** Whether calls can come: the service is heard. */
  connected: boolean;
  /** Whether the agent wants calls. */
  available: boolean;
}

type AgentEvents = { call: [AgentCall]; placed: [AgentCall]; resumed: [AgentCall]; state: [AgentState]; failure: [MaskbridgeError] };

/** An agent's place in a page. "call": it rings here. "placed": one of `call()`, before it is connected. "resumed": one from
 * before the page was loaded anew. "failure": the service could not be heard; it is tried again unless `connect` was refused. */
export interface MaskbridgeAgent extends Listens<AgentEvents> {}
export class MaskbridgeAgent {
  /** `keepsCalls`: go on with a call after the page was loaded anew; default true. */
  constructor(options?: Place & { keepsCalls?: boolean });
  readonly name: string | null;
  readonly displayName: string | null;
  readonly available: boolean;
  readonly connected: boolean;
  readonly presence: AgentState["presence"];
  readonly calls: AgentCall[];
  connect(): Promise<void>;
  /** Listen no more; what is live is hung up unless `hangUp` is false. */
  close(options?: { hangUp?: boolean }): void;
  setAvailable(available: boolean): Promise<void>;
  /** Call a number, or "agent:NAME". Resolves once the call is connected here; the other party rings then. */
  call(number: string, options?: { reference?: string; maxDurationSec?: number; ringTimeoutSec?: number }): Promise<AgentCall>;
  devices(): Promise<{ microphones: Device[]; speakers: Device[] }>;
  useMicrophone(id?: string): Promise<void>;
  useSpeaker(id?: string): Promise<void>;
}

export interface Device {
  id: string;
  label: string;
}

export type SupervisorMode = "listen" | "whisper_a" | "whisper_b" | "barge";
export type SupervisorState = "out" | "connecting" | "connected" | "reconnecting";

/** A supervisor's seat in a live call. */
export interface SupervisorCall extends Listens<AudioEvents & { state: [SupervisorState]; mode: [SupervisorMode] }> {}
export class SupervisorCall {
  constructor(options: Place, callSid: string);
  readonly mode: SupervisorMode | null;
  readonly state: SupervisorState;
  /** A microphone is asked for only where somebody is spoken to. */
  join(mode?: SupervisorMode): Promise<void>;
  change(mode: SupervisorMode): Promise<void>;
  leave(): Promise<void>;
  mute(muted?: boolean): void;
}
