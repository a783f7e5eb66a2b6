// `completion`: a script for a shell that completes verbs, their options, domains and topics. Made from the commands themselves.
import { type Command, Option } from "commander";
import { readTopics } from "../keyed_copy.ts";
import { type Context, UsageError, type Verb } from "./context.ts";
import { JSON_OBJECT, jsonText } from "./json.ts";

const SHELLS = ["bash", "zsh", "fish"] as const;
type Shell = (typeof SHELLS)[number];

/** A verb as a shell needs it. */
interface Completed {
  /** Words after the program's name. */
  readonly words: readonly string[];
  readonly summary: string;
  readonly options: readonly { readonly flag: string; readonly meaning: string }[];
  /** What may stand in an argument's place. */
  readonly values: readonly string[];
}

export const addCompletion: Verb = (program, context) => {
  program.command("completion")
    .summary("a script that completes commands in your shell")
    .description(
      "Prints a script for the shell. bash: source <(freshet completion bash); zsh: the same with zsh; fish: freshet completion " +
        "fish | source.",
    )
    .argument("<shell>", SHELLS.join(", "))
    .option(...JSON_OBJECT)
    .action((shell: string, { json }: { readonly json?: boolean }) => {
      if (!isShell(shell)) throw new UsageError(`There is no script for "${shell}". Shells: ${SHELLS.join(", ")}`);
      const script = SCRIPTS[shell](completedOf(program, context));
      context.host.stdout.write(json ? jsonText({ shell, script }) : script);
    });
};

const isShell = (text: string): text is Shell => SHELLS.some((shell) => shell === text);

function completedOf(program: Command, context: Context): readonly Completed[] {
  const values: Readonly<Record<string, () => readonly string[]>> = {
    domain: () => context.parts.modules.map(({ name }) => name),
    topic: () => context.domains().flatMap(readTopics),
    shell: () => SHELLS,
  };
  const all = (command: Command, words: readonly string[]): Completed[] => [
    ...(words.length === 0 ? [] : [{
      words,
      summary: command.summary() || command.description().split("\n")[0]!,
      options: [...command.options, new Option("--help", "print help")].map(({ long, description }) => (
        { flag: long!, meaning: description.split("\n")[0]! }
      )),
      values: [
        ...command.commands.map((child) => child.name()),
        ...command.registeredArguments.flatMap((argument) => values[argument.name()]?.() ?? []),
      ],
    }]),
    ...command.commands.flatMap((child) => all(child, [...words, child.name()])),
  ];
  return all(program, []);
}

const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
const verbsOf = (all: readonly Completed[]) => all.filter(({ words }) => words.length === 1);

const SCRIPTS: Readonly<Record<Shell, (all: readonly Completed[]) => string>> = {
  bash(all) {
    const cases = all.toReversed().map(({ words, options, values }) =>
      `    ${quoted(words.join(" "))}*) words=${quoted([...values, ...options.map(({ flag }) => flag)].join(" "))} ;;`
    );
    return `# Completion of freshet for bash: source <(freshet completion bash)
_freshet() {
  local typed="\${COMP_WORDS[*]:1:COMP_CWORD-1}" words
  case "$typed" in
${cases.join("\n")}
    *) words=${quoted(verbsOf(all).map(({ words }) => words[0]).join(" "))} ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _freshet freshet
`;
  },
  zsh(all) {
    const described = (word: string, meaning: string) => quoted(`${word.replaceAll(":", "\\:")}:${meaning}`);
    const cases = all.toReversed().map(({ words, options, values }) =>
      `    ${quoted(words.join(" "))}*) found=(${
        [...values.map((value) => quoted(value)), ...options.map(({ flag, meaning }) => described(flag, meaning))].join(
          " ",
        )
      }) ;;`
    );
    return `#compdef freshet
# Completion of freshet for zsh: source <(freshet completion zsh)
_freshet() {
  local -a found
  case "\${(j: :)words[2,CURRENT-1]}" in
${cases.join("\n")}
    *) found=(${verbsOf(all).map(({ words, summary }) => described(words[0]!, summary)).join(" ")}) ;;
  esac
  _describe 'freshet' found
  _files
}
compdef _freshet freshet
`;
  },
  fish(all) {
    const verbs = verbsOf(all).map(({ words, summary }) =>
      `complete -c freshet -n __fish_use_subcommand -a ${words[0]} -d ${quoted(summary)}`
    );
    const rest = all.flatMap(({ words, options, values }) => {
      const seen = words.map((word) => `__fish_seen_subcommand_from ${word}`).join("; and ");
      return [
        ...values.map((value) => `complete -c freshet -n ${quoted(seen)} -a ${value}`),
        ...options.map(({ flag, meaning }) =>
          `complete -c freshet -n ${quoted(seen)} -l ${flag.replace(/^--/, "")} -d ${quoted(meaning)}`
        ),
      ];
    });
    return `# Completion of freshet for fish: freshet completion fish | source\n${[...verbs, ...rest].join("\n")}\n`;
  },
};
