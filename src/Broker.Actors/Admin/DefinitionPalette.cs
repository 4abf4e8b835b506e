using System.Text;
using System.Text.Json.Nodes;
using System.Runtime.CompilerServices;
using Broker.Actors.Definitions;
using Broker.Actors.Server;
using Broker.Protocol;

namespace Broker.Actors.Admin;

/// <summary><c>definitions</c>: everything that is declared and said, as one file.</summary>
internal static class DefinitionPalette
{
    private static readonly AdminArgument Only = new("vhost", ArgumentKind.Option, "string", "What is in this vhost and nothing else; default: everything", Default: "");

    public static IEnumerable<AdminCommand> Commands(NodeServices node)
    {
        yield return new AdminCommand(
            "definitions export",
            "Write vhosts, users, permissions, policies, exchanges, queues and bindings as JSON, in RabbitMQ's form",
            [new AdminArgument("file", ArgumentKind.Positional, "string", "Where to; default: standard output", File: ArgumentFile.Write), Only],
            ["text"],
            async (a, token) => [.. (await new DefinitionsExport(node, OnlyOf(node, a)).LinesAsync(token)).Select(l => new JsonObject { ["text"] = l })],
            IsText: true);
        yield return new AdminCommand(
            "definitions import",
            "Add what a file of definitions has, ours or RabbitMQ's, and is missing here; what is there stays as it is. A line for each definition says what became of it",
            [new AdminArgument("file", ArgumentKind.Positional, "string", "The file", Required: true, File: ArgumentFile.Read), Only],
            ["section", "vhost", "name", "result", "reason"],
            Run: null,
            Stream: (a, token) => ImportAsync(node, a, token));
    }

    private static async IAsyncEnumerable<JsonObject> ImportAsync(NodeServices node, AdminArguments arguments, [EnumeratorCancellation] CancellationToken token)
    {
        await foreach (var row in new DefinitionsImport(node, OnlyOf(node, arguments)).RunAsync(Parse(arguments.Text("file")), token))
        {
            yield return row.ToJson();
        }
    }

    private static JsonObject Parse(string text)
    {
        try
        {
            return DefinitionsImport.Parse(Encoding.UTF8.GetBytes(text));
        }
        catch (FormatException e)
        {
            throw new AdminException(ErrorCode.InvalidArgument, e.Message);
        }
    }

    private static string? OnlyOf(NodeServices node, AdminArguments arguments) => arguments.Text("vhost").Length > 0 ? VhostArgument.Of(node, arguments) : null;
}
