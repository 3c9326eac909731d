// Answers each line {"expression", "context"} of standard input with one line {"value"} or {"error"}; contexts are FEEL too.
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const feelin = await import(pathToFileURL(process.argv[2]));
const { evaluate, FeelDate, FeelDateTime, FeelDuration, FeelFunction, FeelRange, FeelTime } = feelin;

function plain(value) {
  if (value === undefined || value === null) return null;
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof FeelRange) {
    const ends = [plain(value.start), plain(value.end)];
    return { $range: [...ends, value['start included'], value['end included']] };
  }
  for (const kind of [FeelDate, FeelDateTime, FeelTime, FeelDuration]) {
    if (value instanceof kind) return { $at: String(value) };
  }
  if (value instanceof FeelFunction || typeof value === 'function') return { $function: true };
  if (typeof value === 'number' && !Number.isFinite(value)) return { $number: String(value) };
  if (typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, plain(entry)]));
}

for await (const line of createInterface({ input: process.stdin })) {
  const { expression, context } = JSON.parse(line);
  let answer;
  try {
    answer = { value: plain(evaluate(expression, evaluate(context).value).value) };
  } catch (error) {
    answer = { error: String(error) };
  }
  process.stdout.write(JSON.stringify(answer) + '\n');
}
