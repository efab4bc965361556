/** A place in a text: lines and columns are counted from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** Where a statement stands: each end is the place after its brace, as the policy simulator counts (README, positions). */
export interface Span {
  readonly start: Position;
  readonly end: Position;
}

interface Offsets {
  readonly start: number;
  readonly end: number;
}

const token = /"(?:[^"\\]|\\.)*"|[{}[\]]/gs;

/** Where the statements of a document begin and end; the text must be a document that was parsed. */
function statementOffsets(text: string): readonly Offsets[] {
  const found: Offsets[] = [];
  const open: string[] = [];
  let member = '';
  let start = -1;
  for (const { 0: lexeme, index } of text.matchAll(token)) {
    const depth = open.length;
    const isInStatement = depth >= 1 && member === 'Statement';
    if (lexeme === '{' || lexeme === '[') {
      const isStatement = lexeme === '{' && isInStatement && (depth === 1 || (depth === 2 && open[1] === '['));
      if (isStatement) start = index + 1;
      open.push(lexeme);
    } else if (lexeme === '}' || lexeme === ']') {
      open.pop();
      const closesStatement = lexeme === '}' && isInStatement && (depth === 2 || (depth === 3 && open[1] === '['));
      if (closesStatement) found.push({ start, end: index + 1 });
    } else if (depth === 1) {
      // The last text before a brace at this depth is always the name of the member whose value begins with it.
      member = JSON.parse(lexeme) as string;
    }
  }
  return found;
}

/** The offset at which every line begins; a line ends with CRLF, LF or CR. */
function lineStarts(text: string): readonly number[] {
  return [0, ...Array.from(text.matchAll(/\r\n|\n|\r/g), (end) => end.index + end[0].length)];
}

/** Where the statements of a policy document stand in its text, in their order; one that was parsed before. */
export function statementSpans(text: string): readonly Span[] {
  const starts = lineStarts(text);
  const positionOf = (offset: number): Position => {
    const line = starts.findLastIndex((start) => start <= offset);
    return { line: line + 1, column: offset - (starts[line] ?? 0) + 1 };
  };
  return statementOffsets(text).map(({ start, end }) => ({ start: positionOf(start), end: positionOf(end) }));
}
