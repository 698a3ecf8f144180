/** Types of `<pellucid-viewer>`; docs/embedding.md says what each part does. */

/** A method and its parameters, named as on the command line. */
export type Method =
  | { name: "gradient" | "input-x-gradient" | "grad-cam" }
  | { name: "smoothgrad"; samples?: number; sigma?: number }
  | { name: "integrated-gradients"; steps?: number; baseline?: string }
  | { name: "occlusion"; window?: number; baseline?: string };

/** What is explained: a class by its code, or each model's own prediction (null); rather than another, or not (null). */
export interface Question {
  class: string | null;
  against: string | null;
  method: Method;
}

/** What a model says of an image. */
export interface Answer {
  model: string;
  /** The code of the class with the highest score; null where the answer is no number. */
  predicted: string | null;
  classes: { code: string; title: string; score: number; probability: number | null }[];
}

/** One model in the viewer. */
export interface ModelState {
  name: string;
  state: "waiting" | "loading" | "preparing" | "ready" | "failed";
  /** Side of its square input in pixels; null while it is not open. */
  size: number | null;
  classes: { code: string; title: string }[];
  answer: Answer | null;
}

/** A map, as it was computed. */
export interface Saliency {
  model: string;
  code: string;
  against: string | null;
  /** The method as it was run, with all its parameters. */
  method: { name: string; [parameter: string]: unknown };
  size: number;
  channels: number;
  logits: Float32Array | number[];
  probabilities: Float32Array | number[] | null;
  /** The method's raw answer, `[channels, size, size]`. */
  attribution: Float32Array;
  /** The same where it is the gradient of the class's score. */
  gradient: Float32Array | null;
}

export interface PellucidViewerEvents {
  /** The program and the models are there. */
  ready: CustomEvent<{ models: string[] }>;
  /** A model has classified the image. */
  result: CustomEvent<Answer>;
  /** What is going on; `done` of `total` runs of the network where that is known. */
  progress: CustomEvent<{ text: string; busy: boolean; model: string | null; done: number | null; total: number | null }>;
  /** What could not be done, in a sentence. */
  error: CustomEvent<{ message: string; model: string | null }>;
  "pellucid-saliency": CustomEvent<Saliency>;
}

export class PellucidViewer extends HTMLElement {
  /** URL of the list of models; "none" for none. */
  models: string | null;
  /** Number of drawn samples on offer. */
  samples: number;
  /** Whether images that are dropped or pasted anywhere on the page are meant for it. */
  wholePage: boolean;
  /** How many workers may compute networks at a time; null leaves it to the machine. */
  get workers(): number;
  set workers(count: number | null);
  /** What is explained. What is not named when it is set stays as it is. */
  get question(): Question;
  set question(question: Partial<Question>);
  readonly busy: boolean;
  readonly results: ModelState[];
  /** Explains an image; fulfilled once the answers are in the page. */
  open(blob: Blob, name?: string): Promise<void>;
  /** Adds a model: an ONNX file, and its card's JSON file. */
  addModel(file: Blob, card?: Blob): Promise<void>;
  removeModel(name: string): boolean;
  /** Stops what is going on. What is shown stays. */
  cancel(): void;
  /** Takes away all that Pellucid keeps in this browser. */
  wipe(): Promise<void>;

  addEventListener<K extends keyof PellucidViewerEvents>(type: K, listener: (this: PellucidViewer, event: PellucidViewerEvents[K]) => unknown, options?: boolean | AddEventListenerOptions): void;
  addEventListener(type: string, listener: EventListenerOrEventListenerObject, options?: boolean | AddEventListenerOptions): void;
}

declare global {
  interface HTMLElementTagNameMap {
    "pellucid-viewer": PellucidViewer;
  }
}
