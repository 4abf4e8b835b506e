using System.CommandLine;
using Broker.Pbm.Messages;

namespace Broker.Pbm.Commands;

/// <summary>
/// The parser: the commands that <c>pbm</c> carries out itself and those of the node. Commands are named <c>palette name</c>; where both have one, pbm's own
/// counts.
/// </summary>
internal sealed class CommandTree
{
    private readonly RootCommand _root = new("Commands for a message broker node.");
    private readonly GlobalOptions _options = new();
    private readonly Func<ParseResult, CommandContext> _context;
    private readonly Command _help;
    private readonly Argument<string[]> _helpWords = new("command") { Description = "A palette, or a palette and a command", Arity = ArgumentArity.ZeroOrMore };

    /// <summary>Builds the tree.</summary>
    /// <param name="catalog">The node's commands; empty before they are known.</param>
    /// <param name="context">Makes the context of a parsed command.</param>
    public CommandTree(IReadOnlyList<CommandDescriptor> catalog, Func<CommandTree, ParseResult, CommandContext> context)
    {
        _context = parsed => context(this, parsed);
        _options.AddTo(_root);
        _help = new Command("help", "List the commands, or explain one.") { _helpWords };
        _root.Subcommands.Add(_help);
        AddOwn("message", PublishCommand.Build(Context), _options.Vhost);
        AddOwn("message", ConsumeCommand.Build(Context), _options.Vhost);
        AddOwn("connection", PingCommand.Build(Context));
        foreach (var descriptor in catalog)
        {
            AddNodeCommand(descriptor);
        }
    }

    public GlobalOptions Options => _options;

    public ParseResult Parse(IReadOnlyList<string> arguments) => _root.Parse(arguments);

    /// <summary>Nothing that the node could know is missing to carry the command out.</summary>
    public bool IsOwnCommand(ParseResult parsed) => parsed.CommandResult.Command is { Action: not null } command && command != _help;

    /// <summary>The words after <c>help</c>, or <c>null</c> if it is another command.</summary>
    public IReadOnlyList<string>? HelpWords(ParseResult parsed) =>
        parsed.CommandResult.Command == _help ? parsed.GetValue(_helpWords) ?? []
        : parsed.CommandResult.Command == _root && parsed.Tokens.Count == 0 ? []
        : null;

    /// <summary>All commands in the order of their palettes: name, description.</summary>
    public IEnumerable<(string Name, Command Command)> Commands() =>
        from palette in _root.Subcommands
        where palette.Subcommands.Count > 0
        orderby palette.Name
        from command in Leaves(palette, palette.Name)
        select command;

    /// <summary>The words of a parsed command, to point to its help.</summary>
    public static string NameOf(ParseResult parsed)
    {
        var words = new Stack<string>();
        for (var command = parsed.CommandResult; command is not null; command = command.Parent as System.CommandLine.Parsing.CommandResult)
        {
            if (command.Command is not RootCommand)
            {
                words.Push(command.Command.Name);
            }
        }

        return string.Join(' ', words);
    }

    private static IEnumerable<(string Name, Command Command)> Leaves(Command command, string name) => command.Subcommands.Count == 0
        ? [(name, command)]
        : command.Subcommands.OrderBy(child => child.Name, StringComparer.Ordinal).SelectMany(child => Leaves(child, $"{name} {child.Name}"));

    private CommandContext Context(ParseResult parsed) => _context(parsed);

    private void AddOwn(string palette, Command command, params IEnumerable<Option> options)
    {
        foreach (var option in options)
        {
            command.Options.Add(option);
        }

        Palette(_root, palette).Subcommands.Add(command);
    }

    private void AddNodeCommand(CommandDescriptor descriptor)
    {
        var words = descriptor.Command.Split(' ');
        if (words.Length == 1)
        {
            return; // for programs, not for people
        }

        var parent = words[..^1].Aggregate((Command)_root, Palette);
        if (parent.Subcommands.All(command => command.Name != words[^1]))
        {
            parent.Subcommands.Add(NodeCommand.Build(words[^1], descriptor, Context));
        }
    }

    private static Command Palette(Command parent, string name)
    {
        if (parent.Subcommands.FirstOrDefault(command => command.Name == name) is { } existing)
        {
            return existing;
        }

        var palette = new Command(name, $"The {name} commands.");
        parent.Subcommands.Add(palette);
        return palette;
    }
}
