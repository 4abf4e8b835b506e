using Broker.Actors.Admin;
using Broker.Actors.Topology;
using Broker.Machines.Topology;
using Broker.Protocol;

namespace Broker.Actors.Definitions;

/// <summary>Vhosts, exchanges, queues and bindings: each is declared as a client would, and the broker says whether it can be.</summary>
internal sealed partial class DefinitionsImport
{
    private async Task<DefinitionRow> VhostAsync(DefinitionEntry entry, CancellationToken token)
    {
        var name = entry.Text("name");
        var existed = node.Vhosts.Check(name) is null;
        var description = entry.TextOr("description", entry.Inner("metadata").TextOr("description", ""));
        if (name == ProtocolInfo.DefaultVhost)
        {
            return Unchanged(entry); // always there, whatever it is called
        }

        await ExchangePalette.AskAsync(node, new TopologyRequest.AddVhost(new VhostDefinition(name, description)), token);
        return existed ? Unchanged(entry) : Added(entry);
    }

    private async Task<Func<DefinitionEntry, Task<DefinitionRow>>> TopologyAsync(string section, CancellationToken token)
    {
        var before = await ExchangePalette.ListAsync(node, token);
        switch (section)
        {
            case "exchanges":
                var exchanges = before.Exchanges.Select(e => e.Name).ToHashSet(StringComparer.Ordinal);
                return e => ExchangeAsync(e, exchanges, token);
            case "queues":
                var queues = before.Queues.Select(q => q.Name).ToHashSet(StringComparer.Ordinal);
                return e => QueueAsync(e, queues, token);
            default:
                var bindings = before.Bindings.ToHashSet();
                return e => BindingAsync(e, bindings, token);
        }
    }

    private async Task<DefinitionRow> ExchangeAsync(DefinitionEntry entry, HashSet<string> before, CancellationToken token)
    {
        var name = EntityName.Of(entry.Vhost, entry.Text("name"));
        if (TopologyNames.IsBuiltIn(name))
        {
            return Unchanged(entry);
        }

        var request = new TopologyRequest.DeclareExchange(name, entry.Text("type"), entry.Flag("durable", missing: true), Passive: false)
        {
            AutoDelete = entry.Flag("auto_delete"),
            Internal = entry.Flag("internal"),
            Arguments = Arguments(entry),
        };
        return await DeclareAsync(entry, request, before.Contains(name), token);
    }

    private async Task<DefinitionRow> QueueAsync(DefinitionEntry entry, HashSet<string> before, CancellationToken token)
    {
        var local = entry.Text("name");
        if (local.Length == 0)
        {
            throw new DefinitionException("'name' is empty; a queue of a file has a name");
        }

        var name = EntityName.Of(entry.Vhost, local);
        var request = new TopologyRequest.DeclareQueue(name, entry.Flag("durable", missing: true), Passive: false) { AutoDelete = entry.Flag("auto_delete"), Arguments = Arguments(entry) };
        return await DeclareAsync(entry, request, before.Contains(name), token);
    }

    private async Task<DefinitionRow> DeclareAsync(DefinitionEntry entry, TopologyRequest request, bool existed, CancellationToken token)
    {
        try
        {
            await ExchangePalette.AskAsync(node, request, token);
            return existed ? Unchanged(entry) : Added(entry);
        }
        catch (AdminException e) when (!existed)
        {
            return Refused(entry, e.Message); // also where that is a failed precondition, such as a limit
        }
    }

    private async Task<DefinitionRow> BindingAsync(DefinitionEntry entry, HashSet<Binding> before, CancellationToken token)
    {
        var (source, destination) = (entry.Text("source"), entry.Text("destination"));
        if (source.Length == 0)
        {
            return NotTaken(entry, "the default exchange leads to every queue by itself");
        }

        var kind = entry.TextOr("destination_type", "queue") switch
        {
            "queue" => DestinationKind.Queue,
            "exchange" => DestinationKind.Exchange,
            var other => throw new DefinitionException($"'destination_type' is '{other}'; it must be queue or exchange"),
        };
        var binding = new Binding(EntityName.Of(entry.Vhost, source), EntityName.Of(entry.Vhost, destination), entry.TextOr("routing_key", ""), kind) { Arguments = Arguments(entry) };
        if (before.Contains(binding))
        {
            return Unchanged(entry);
        }

        await ExchangePalette.AskAsync(node, new TopologyRequest.Bind(binding), token);
        return Added(entry);
    }

    private static FieldTable Arguments(DefinitionEntry entry) =>
        FieldTableJson.TryRead(entry["arguments"], out var table, out var problem) ? table : throw new DefinitionException($"'arguments': {problem}");
}
