using System.CommandLine;
using System.CommandLine.Parsing;
using System.Text.Json;
using System.Text.Json.Nodes;
using Broker.Pbm.Output;

namespace Broker.Pbm.Commands;

/// <summary>A command that the node carries out: its arguments go there as a JSON object, its rows come back.</summary>
internal static class NodeCommand
{
    /// <summary>Makes the parser of one command.</summary>
    /// <exception cref="PbmException">An argument has the name of an option that every command has.</exception>
    public static Command Build(string name, CommandDescriptor descriptor, Func<ParseResult, CommandContext> context)
    {
        var command = new Command(name, descriptor.Description);
        var readers = new List<(string Name, Func<ParseResult, JsonNode?> Read)>();
        Func<ParseResult, JsonNode?>? output = null;
        foreach (var argument in descriptor.Arguments)
        {
            if (argument.Kind != ArgumentKind.Positional && GlobalOptions.IsGlobal(argument.Name))
            {
                throw new PbmException(
                    ExitCode.Failed, "", $"the node's command '{descriptor.Command}' has an option --{argument.Name}, which pbm uses itself");
            }

            var read = Add(command, argument);
            if (argument.File == ArgumentFile.Write)
            {
                output = read;
            }
            else
            {
                readers.Add((argument.Name, argument.File == ArgumentFile.Read ? parsed => TextFile.Read(read(parsed)) : read));
            }
        }

        command.SetAction(async (parsed, cancellationToken) =>
        {
            var given = new JsonObject();
            foreach (var (argument, read) in readers)
            {
                if (read(parsed) is { } value)
                {
                    given[argument] = value;
                }
            }

            return (int)await RunAsync(descriptor, given, (string?)output?.Invoke(parsed), context(parsed), cancellationToken);
        });
        return command;
    }

    private static async Task<ExitCode> RunAsync(
        CommandDescriptor descriptor, JsonObject arguments, string? output, CommandContext context, CancellationToken cancellationToken)
    {
        var session = await context.ConnectAsync(cancellationToken);
        using var file = output is null ? null : new TextFile(output);
        IRowWriter rows = file is not null ? new LineWriter(file.Writer)
            : descriptor.IsText && !context.Json ? new LineWriter(context.Console.Output)
            : new RowWriter(context.Console, context.Json, descriptor.Columns, descriptor.Follows);
        using var abandoned = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var answer = session.AdminAsync(descriptor.Command, arguments, abandoned.Token).GetAsyncEnumerator(abandoned.Token);
        var next = Task.FromResult(true);
        try
        {
            while (await NextAsync())
            {
                rows.Add(answer.Current);
            }
        }
        finally
        {
            // An enumerator can be disposed of only when it has nothing under way.
            await abandoned.CancelAsync();
            await next.ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
            await answer.DisposeAsync();
        }

        rows.End();
        file?.Keep();
        return ExitCode.Ok;

        Task<bool> NextAsync()
        {
            next = answer.MoveNextAsync().AsTask();
            return descriptor.Follows ? next.WaitAsync(cancellationToken) : context.WithinAsync(next, $"answer to '{descriptor.Command}'", cancellationToken);
        }
    }

    private static Func<ParseResult, JsonNode?> Add(Command command, ArgumentDescriptor argument) => (argument.Kind, argument.Type) switch
    {
        (ArgumentKind.Flag, _) => AddOption<bool>(command, argument, ArgumentArity.Zero, value => value ? JsonValue.Create(true) : null),
        (ArgumentKind.Option, ArgumentType.Int) => AddOption<long?>(command, argument, ArgumentArity.ExactlyOne, value => JsonValue.Create(value)),
        (ArgumentKind.Option, ArgumentType.Bool) => AddOption<bool?>(command, argument, ArgumentArity.ExactlyOne, value => JsonValue.Create(value)),
        (ArgumentKind.Option, _) => AddOption<string?>(command, argument, ArgumentArity.ExactlyOne, value => JsonValue.Create(value)),
        (_, ArgumentType.Int) => AddPositional<long?>(command, argument, value => JsonValue.Create(value)),
        (_, ArgumentType.Bool) => AddPositional<bool?>(command, argument, value => JsonValue.Create(value)),
        _ => AddPositional<string?>(command, argument, value => JsonValue.Create(value)),
    };

    private static Func<ParseResult, JsonNode?> AddOption<T>(Command command, ArgumentDescriptor argument, ArgumentArity arity, Func<T?, JsonNode?> toJson)
    {
        var option = new Option<T>("--" + argument.Name) { Description = Describe(argument), Arity = arity, Required = argument.Required };
        command.Options.Add(option);
        return parsed => IsGiven(parsed.GetResult(option)) ? toJson(parsed.GetValue(option)) : null;
    }

    private static Func<ParseResult, JsonNode?> AddPositional<T>(Command command, ArgumentDescriptor argument, Func<T?, JsonNode?> toJson)
    {
        var positional = new Argument<T>(argument.Name)
        {
            Description = Describe(argument),
            Arity = argument.Required ? ArgumentArity.ExactlyOne : ArgumentArity.ZeroOrOne,
        };
        command.Arguments.Add(positional);
        return parsed => IsGiven(parsed.GetResult(positional)) ? toJson(parsed.GetValue(positional)) : null;
    }

    private static bool IsGiven(SymbolResult? result) => result switch
    {
        OptionResult option => !option.Implicit,
        ArgumentResult argument => !argument.Implicit && argument.Tokens.Count > 0,
        _ => false,
    };

    private static string Describe(ArgumentDescriptor argument) =>
        argument.Default is { ValueKind: not (JsonValueKind.Null or JsonValueKind.Undefined) } value
            ? $"{argument.Description} [default: {PlainText.Cell(value)}]"
            : argument.Description;
}
