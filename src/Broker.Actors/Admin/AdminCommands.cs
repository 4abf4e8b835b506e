using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using Broker.Protocol;

namespace Broker.Actors.Admin;

/// <summary>The commands of a node, by name. <c>catalog</c> lists them all, which is how <c>pbm</c> learns them.</summary>
internal sealed class AdminCommands
{
    private readonly Dictionary<string, AdminCommand> _commands;

    public AdminCommands(IEnumerable<AdminCommand> commands)
    {
        _commands = commands.ToDictionary(c => c.Name, StringComparer.Ordinal);
        var catalog = new AdminCommand(
            "catalog",
            "List the commands of this node",
            [],
            ["command", "description"],
            (_, _) => Task.FromResult<IReadOnlyList<JsonObject>>([.. _commands!.Values.OrderBy(c => c.Name, StringComparer.Ordinal).Select(c => c.Describe())]),
            WhileRecovering: true);
        _commands.Add(catalog.Name, catalog);
    }

    /// <summary>Before the node is set up.</summary>
    public static AdminCommands None { get; } = new([]);

    /// <summary>Carries out a command.</summary>
    /// <param name="name">Palette and verb.</param>
    /// <param name="json">Arguments: a JSON object, or nothing.</param>
    /// <param name="isServing">Whether the node has recovered its queues.</param>
    /// <param name="timeout">How long a command may take that does not yield rows as they come.</param>
    /// <param name="cancellationToken">Gives it up.</param>
    /// <exception cref="AdminException">The command's answer is that it cannot be done.</exception>
    public async IAsyncEnumerable<JsonObject> RunAsync(
        string name, ReadOnlyMemory<byte> json, bool isServing, CancellationToken timeout, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (!_commands.TryGetValue(name, out var command))
        {
            throw new AdminException(ErrorCode.NotFound, $"there is no command '{name}'; 'pbm help' lists them");
        }

        if (!isServing && !command.WhileRecovering)
        {
            throw new AdminException(ErrorCode.Unavailable, $"the node is recovering; 'pbm cluster show' says how far it is. '{name}' works when it is done");
        }

        var arguments = new AdminArguments(command.Arguments, Parse(json));
        if (command.Stream is { } stream)
        {
            await foreach (var row in stream(arguments, cancellationToken))
            {
                yield return row;
            }

            yield break;
        }

        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout, cancellationToken);
        foreach (var row in await command.Run!(arguments, either.Token))
        {
            yield return row;
        }
    }

    private static JsonObject Parse(ReadOnlyMemory<byte> json)
    {
        if (json.IsEmpty)
        {
            return [];
        }

        try
        {
            return JsonNode.Parse(json.Span, documentOptions: new JsonDocumentOptions { AllowDuplicateProperties = false })?.AsObject() ?? [];
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new AdminException(ErrorCode.InvalidArgument, "arguments must be a JSON object");
        }
    }
}
