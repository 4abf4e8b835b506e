using Broker.Coordination;
using Broker.Machines.Topology;
using Broker.Protocol;

namespace Broker.Actors.Topology;

/// <summary>
/// What a request becomes in the store that the nodes of a cluster share: a transaction that takes place only if everything which the decision was based on is still so.
/// </summary>
/// <remarks>
/// A vhost's, exchange's or queue's own key is never written a second time. A binding needs that both its ends are as known, and writes the <c>uses</c> key of each; an end that is removed needs that
/// its <c>uses</c> key is as known. So of a binding and the removal of one of its ends only the first takes place, while bindings do not get into each other's way. With a vhost and what is in it, it
/// is the same.
/// The removal of a binding from an auto-delete exchange needs that exchange's <c>uses</c> key to be as known and writes it, so of two that believe not to be the last one only the first takes place.
/// </remarks>
internal static class TopologyTransactions
{
    private const int Most = MetadataLimits.MaxOperations - 1; // there is room for the mark by which the store learns what became of a transaction
    private static readonly byte[] s_used = "{}"u8.ToArray();

    /// <summary>Makes sure that no transaction of the node takes place which has not done so yet. An end that is declared, and removed again, is as absent as it was before, so the other
    /// conditions of such a transaction may hold once more.</summary>
    public static MetadataTransaction CloseFence(string fence) => new() { Operations = [MetadataOperation.Put(fence, s_used)] };

    /// <summary>The keys that the decision about a request depends on.</summary>
    public static IReadOnlyList<string> BasisOf(TopologyRequest request, TopologyMachine machine) => request switch
    {
        TopologyRequest.DeclareExchange r => [.. ExchangeOf(r.Name), .. VhostOf(r.Name)],
        TopologyRequest.DeleteExchange r => [.. ExchangeOf(r.Name).SelectMany(WithUses), .. r.IfUnused ? machine.BindingsOf(r.Name).Take(1).Select(TopologyKeys.KeyOf) : []],
        TopologyRequest.DeclareQueue r => [TopologyKeys.OfQueue(r.Name), .. VhostOf(r.Name)],
        TopologyRequest.DeleteQueue r => [.. WithUses(TopologyKeys.OfQueue(r.Name))],
        TopologyRequest.Bind r => [.. EndsOf(r.Binding), TopologyKeys.KeyOf(r.Binding)],
        TopologyRequest.Unbind r => [TopologyKeys.KeyOf(r.Binding)],
        TopologyRequest.AddVhost { Vhost.Name: ProtocolInfo.DefaultVhost } or TopologyRequest.RemoveVhost { Name: ProtocolInfo.DefaultVhost } => [],
        TopologyRequest.AddVhost r => [TopologyKeys.OfVhost(r.Vhost.Name)],
        TopologyRequest.RemoveVhost r => [.. WithUses(TopologyKeys.OfVhost(r.Name))],
        _ => [],
    };

    /// <summary>Makes the transaction.</summary>
    /// <param name="basis">The keys that the decision depends on.</param>
    /// <param name="changes">What was decided. None: the transaction only tells whether the decision still stands.</param>
    /// <param name="view">What is known.</param>
    /// <param name="fence">The key by which the node keeps transactions of the past from taking place.</param>
    /// <param name="isPart">
    /// There are too many changes for one. An end goes last, after its bindings, so what a part leaves behind is consistent; when it has taken place, the request is decided on again.
    /// </param>
    public static MetadataTransaction Make(IReadOnlyList<string> basis, IReadOnlyList<TopologyChange> changes, TopologyView view, string fence, out bool isPart)
    {
        var needed = new OrderedDictionary<string, long>(StringComparer.Ordinal);
        var operations = new OrderedDictionary<string, MetadataOperation>(StringComparer.Ordinal);
        foreach (var key in changes.Count > 0 ? basis.Append(fence) : basis)
        {
            needed[key] = view.ModRevisionOf(key);
        }

        var taken = 0;
        foreach (var change in changes)
        {
            var keys = NeededBy(change, view.Machine).ToList();
            var writes = OperationsOf(change, view.Machine).ToList();
            if (needed.Count + keys.Count(k => !needed.ContainsKey(k)) > Most || operations.Count + writes.Count(o => !operations.ContainsKey(o.Key)) > Most)
            {
                break;
            }

            keys.ForEach(key => needed[key] = view.ModRevisionOf(key));
            writes.ForEach(write => operations[write.Key] = write); // of a key that is written and then deleted, the deletion counts
            taken++;
        }

        isPart = taken < changes.Count;
        return new MetadataTransaction { Conditions = [.. needed.Select(n => new MetadataCondition(n.Key, n.Value))], Operations = [.. operations.Values] };
    }

    private static IEnumerable<string> NeededBy(TopologyChange change, TopologyMachine machine) => change switch
    {
        TopologyChange.BindingRemoved { Binding.Exchange: var exchange } when machine.IsAutoDelete(exchange) => WithUses(TopologyKeys.OfExchange(exchange)),
        TopologyChange.ExchangeRemoved or TopologyChange.QueueRemoved => WithUses(TopologyKeys.KeyOf(change)),
        _ => [],
    };

    private static IEnumerable<MetadataOperation> OperationsOf(TopologyChange change, TopologyMachine machine)
    {
        yield return TopologyKeys.ToOperation(change, transientLease: 0, _ => true);
        IEnumerable<string> used = change switch
        {
            TopologyChange.BindingAdded c => EndsOf(c.Binding),
            TopologyChange.BindingRemoved { Binding.Exchange: var exchange } when machine.IsAutoDelete(exchange) => ExchangeOf(exchange),
            TopologyChange.ExchangeAdded c => VhostOf(c.Exchange.Name),
            TopologyChange.QueueAdded c => VhostOf(c.Queue.Name),
            _ => [],
        };
        foreach (var key in used)
        {
            yield return MetadataOperation.Put(TopologyKeys.UsesOf(key), s_used);
        }

        if (change is TopologyChange.ExchangeRemoved or TopologyChange.QueueRemoved or TopologyChange.VhostRemoved)
        {
            yield return MetadataOperation.Delete(TopologyKeys.UsesOf(TopologyKeys.KeyOf(change)));
        }
    }

    private static IEnumerable<string> EndsOf(Binding binding) =>
        ((IEnumerable<string>)[.. ExchangeOf(binding.Exchange), .. binding.Kind == DestinationKind.Queue ? [TopologyKeys.OfQueue(binding.Destination)] : ExchangeOf(binding.Destination)]).Distinct();

    /// <summary>Built-in exchanges have no keys of their own.</summary>
    private static IReadOnlyList<string> ExchangeOf(string name) => TopologyNames.IsBuiltIn(name) ? [] : [TopologyKeys.OfExchange(name)];

    private static IReadOnlyList<string> VhostOf(string entity) => EntityName.VhostOf(entity) is var vhost && vhost == ProtocolInfo.DefaultVhost ? [] : [TopologyKeys.OfVhost(vhost)];

    private static IEnumerable<string> WithUses(string key) => [key, TopologyKeys.UsesOf(key)];
}
