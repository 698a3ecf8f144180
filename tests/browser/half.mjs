// An ONNX file in half precision, made of one in single precision: weights, constants and the types of all values.
//
// It walks the protobuf messages of onnx.proto (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto) that lead to a tensor or a type.

/** Which fields of a message lead on, and to what. */
const MODEL = { 7: graph };
const GRAPH = { 1: node, 5: tensor, 11: value, 12: value, 13: value };

/** The bytes of the same model with float16 in place of float32. */
export function halved(bytes) {
  return rewritten(Buffer.from(bytes), MODEL);
}

function graph(bytes) {
  return rewritten(bytes, GRAPH);
}

function node(bytes) {
  return rewritten(bytes, { 5: (attribute) => rewritten(attribute, { 5: tensor, 6: graph }) });
}

/** ValueInfoProto → TypeProto → Tensor → elem_type. */
function value(bytes) {
  const type = (one) => rewritten(one, { 1: (ofTensor) => rewritten(ofTensor, {}, { 1: half }) });
  return rewritten(bytes, { 2: type });
}

const [FLOAT, FLOAT16] = [1, 10];
const half = (type) => (type === FLOAT ? FLOAT16 : type);

/** TensorProto: dims 1, data_type 2, float_data 4, raw_data 9. */
function tensor(bytes) {
  const fields = [...read(bytes)];
  if (fields.find(({ number }) => number === 2)?.value !== FLOAT) return bytes;
  const raw = fields.find(({ number }) => number === 9);
  if (!raw) throw new Error("a tensor without raw_data");
  const values = new Float32Array(raw.value.buffer.slice(raw.value.byteOffset, raw.value.byteOffset + raw.value.length));
  const narrow = Buffer.alloc(values.length * 2);
  values.forEach((one, index) => narrow.writeUInt16LE(float16(one), index * 2));
  return rewritten(bytes, { 9: () => narrow }, { 2: half });
}

/** A float32's nearest float16, ties to even. */
function float16(value) {
  const bits = new Uint32Array(Float32Array.of(value).buffer)[0];
  const sign = (bits >>> 16) & 0x8000;
  const size = Math.abs(value);
  if (size >= 65520) return sign | 0x7c00;
  // The step between two neighbours, at least that of the smallest ones.
  const step = 2 ** Math.max(Math.floor(Math.log2(size || 2 ** -24)) - 10, -24);
  const steps = even(size / step);
  if (step === 2 ** -24) return sign | steps;
  const exponent = Math.log2(step) + 10;
  // A mantissa that is rounded up to 2048 carries into the exponent.
  return sign | (((exponent + 15) << 10) + (steps - 1024));
}

function even(number) {
  const down = Math.floor(number);
  const rest = number - down;
  return rest > 0.5 || (rest === 0.5 && down % 2 === 1) ? down + 1 : down;
}

/** A message with some of its fields changed: `inside` those of bytes, `numbers` those of varints. */
function rewritten(bytes, inside, numbers = {}) {
  const parts = [];
  for (const { number, wire, value, all } of read(bytes)) {
    if (wire === 2 && inside[number]) {
      const changed = inside[number](value);
      parts.push(varint((number << 3) | 2), varint(changed.length), changed);
    } else if (wire === 0 && numbers[number]) parts.push(varint(number << 3), varint(numbers[number](value)));
    else parts.push(all);
  }
  return Buffer.concat(parts);
}

function* read(bytes) {
  let at = 0;
  const next = () => {
    let [result, factor] = [0, 1];
    for (;;) {
      const byte = bytes[at++];
      result += (byte & 127) * factor;
      factor *= 128;
      if (byte < 128) return result;
    }
  };
  while (at < bytes.length) {
    const start = at;
    const key = next();
    const [number, wire] = [key >>> 3, key & 7];
    let value;
    if (wire === 0) value = next();
    else {
      const length = wire === 2 ? next() : wire === 5 ? 4 : 8;
      value = bytes.subarray(at, at + length);
      at += length;
    }
    yield { number, wire, value, all: bytes.subarray(start, at) };
  }
}

function varint(number) {
  const bytes = [];
  for (; number > 127; number = Math.floor(number / 128)) bytes.push((number % 128) | 128);
  bytes.push(number);
  return Buffer.from(bytes);
}
