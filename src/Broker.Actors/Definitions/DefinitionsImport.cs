using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using Broker.Actors.Admin;
using Broker.Actors.Server;
using Broker.Coordination;
using Broker.Machines.Access;
using Broker.Protocol;

namespace Broker.Actors.Definitions;

/// <summary>
/// Takes a file of definitions in: our own, or RabbitMQ's. What is missing is added, what is there alike stays, what is there otherwise stays too and is reported; so a file may be imported as
/// often as one likes. Sections come in the order in which one needs the other.
/// </summary>
/// <param name="node">The node.</param>
/// <param name="onlyVhost">Takes what is in this vhost and nothing else; entries without a vhost are in it. <c>null</c>: takes all, and such entries are in <c>/</c>.</param>
internal sealed partial class DefinitionsImport(NodeServices node, string? onlyVhost)
{
    private const int AtOnce = 64; // topology requests under way: they share syncs

    /// <summary>Sections with their order; those of RabbitMQ that mean nothing here are reported.</summary>
    private static readonly string[] s_sections =
        ["vhosts", "users", "permissions", "topic_permissions", "parameters", "global_parameters", "policies", "operator_policies", "exchanges", "queues", "bindings"];

    /// <summary>Reads a file.</summary>
    /// <exception cref="FormatException">It is no JSON object with lists of definitions; the message says where.</exception>
    public static JsonObject Parse(ReadOnlySpan<byte> utf8)
    {
        JsonNode? document;
        try
        {
            document = JsonNode.Parse(utf8.StartsWith("\uFEFF"u8) ? utf8[3..] : utf8, documentOptions: new JsonDocumentOptions { AllowDuplicateProperties = false });
        }
        catch (JsonException e)
        {
            throw new FormatException($"definitions are a JSON object: {e.Message}");
        }

        if (document is not JsonObject definitions || !definitions.Any(d => s_sections.Contains(d.Key, StringComparer.Ordinal)))
        {
            throw new FormatException($"definitions are a JSON object with any of the lists {string.Join(", ", s_sections)}");
        }

        foreach (var section in s_sections)
        {
            if (definitions[section] is { } entries && (entries is not JsonArray list || list.Any(e => e is not JsonObject)))
            {
                throw new FormatException($"'{section}' of the definitions must be a list of objects");
            }
        }

        return definitions;
    }

    /// <summary>Takes definitions in, and tells of each what became of it.</summary>
    public async IAsyncEnumerable<DefinitionRow> RunAsync(JsonObject definitions, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (var section in s_sections)
        {
            var entries = (definitions[section] as JsonArray ?? []).OfType<JsonObject>().Select(e => new DefinitionEntry(section, e, onlyVhost ?? ProtocolInfo.DefaultVhost)).ToList();
            if (entries.Count == 0)
            {
                continue;
            }

            var take = await BeginAsync(section, cancellationToken);
            foreach (var part in entries.Chunk(section is "exchanges" or "queues" or "bindings" ? AtOnce : 1))
            {
                foreach (var row in await Task.WhenAll(part.Select(e => TakeAsync(e, take))))
                {
                    yield return row;
                }
            }
        }
    }

    /// <summary>Prepares for a section.</summary>
    /// <returns>What takes one entry of it.</returns>
    private async Task<Func<DefinitionEntry, Task<DefinitionRow>>> BeginAsync(string section, CancellationToken token) => section switch
    {
        "vhosts" => e => VhostAsync(e, token),
        "users" => e => UserAsync(e, token),
        "permissions" => e => PermissionsAsync(e, token),
        "topic_permissions" => e => TopicAsync(e, token),
        "parameters" => e => ParameterAsync(e, token),
        "global_parameters" => e => Task.FromResult(NotTaken(e, "parameters of a whole cluster mean nothing here")),
        "policies" => e => PolicyAsync(e, e, isOperator: false, token),
        "operator_policies" => e => PolicyAsync(e, e, isOperator: true, token),
        _ => await TopologyAsync(section, token),
    };

    private async Task<DefinitionRow> TakeAsync(DefinitionEntry entry, Func<DefinitionEntry, Task<DefinitionRow>> take)
    {
        try
        {
            var isOfVhost = entry.Section is not ("users" or "global_parameters");
            if (onlyVhost is not null && (!isOfVhost || VhostOf(entry) != onlyVhost))
            {
                return NotTaken(entry, isOfVhost ? $"only vhost '{onlyVhost}' was asked for" : $"it is in no vhost, and only vhost '{onlyVhost}' was asked for");
            }

            return isOfVhost && entry.Section != "vhosts" && node.Vhosts.Check(entry.Vhost) is { } fault ? Refused(entry, fault.Reason) : await take(entry);
        }
        catch (DefinitionException e)
        {
            return Refused(entry, e.Message);
        }
        catch (AdminException e)
        {
            return Row(entry, e.Code == ErrorCode.PreconditionFailed ? DefinitionResult.Different : DefinitionResult.Refused, e.Message);
        }
        catch (MetadataUnavailableException e)
        {
            return Refused(entry, $"it cannot be stored now: {e.Message}");
        }
    }

    private static string VhostOf(DefinitionEntry entry) => entry.Section == "vhosts" ? entry.Text("name") : entry.Vhost;

    private static DefinitionRow Row(DefinitionEntry entry, DefinitionResult result, string reason = "")
    {
        string vhost;
        try
        {
            vhost = entry.Section is "users" or "global_parameters" or "vhosts" ? "" : entry.Vhost;
        }
        catch (DefinitionException)
        {
            vhost = "?"; // which is why it was refused
        }

        return new DefinitionRow(entry.Section, vhost, entry.Name, result, reason);
    }

    private static DefinitionRow Added(DefinitionEntry entry) => Row(entry, DefinitionResult.Added);

    private static DefinitionRow Unchanged(DefinitionEntry entry) => Row(entry, DefinitionResult.Unchanged);

    private static DefinitionRow Refused(DefinitionEntry entry, string reason) => Row(entry, DefinitionResult.Refused, reason);

    private static DefinitionRow NotTaken(DefinitionEntry entry, string reason) => Row(entry, DefinitionResult.NotTaken, reason);

    /// <summary>Sets something that there may be, alike or otherwise.</summary>
    private static async Task<DefinitionRow> SetAsync<T>(DefinitionEntry entry, T? existing, T wanted, Func<Task> set)
        where T : class
    {
        if (existing is not null)
        {
            return Equals(existing, wanted) ? Unchanged(entry) : Row(entry, DefinitionResult.Different, "it is set otherwise, and was left as it is");
        }

        await set();
        return Added(entry);
    }

    private static void Check(string name, string what)
    {
        if (VhostArgument.CheckName(name, what) is { } problem)
        {
            throw new DefinitionException(problem);
        }
    }

    private static NamePattern Pattern(DefinitionEntry entry, string member) =>
        NamePattern.TryParse(entry.Text(member), out var pattern, out var problem) ? pattern : throw new DefinitionException($"{member}: {problem}");
}
