using Broker.Coordination;
using Broker.Machines.Topology;

namespace Broker.Actors.Topology;

/// <summary>
/// What a request becomes in the store that the nodes of a cluster share: a transaction that takes place only if everything which the decision was based on is still so.
/// </summary>
/// <remarks>
/// An exchange's or queue's own key is never written a second time. A binding needs that both are as known, and writes the <c>uses</c> key of each; an end that is removed needs that its
/// <c>uses</c> key is as known. So of a binding and the removal of one of its ends only the first takes place, while bindings do not get into each other's way.
/// </remarks>
internal static class TopologyTransactions
{
    private const int MostChanges = MetadataLimits.MaxOperations - 2; // with the uses key of an end, and room for the mark by which the store learns what became of a transaction
    private static readonly byte[] s_used = "{}"u8.ToArray();

    /// <summary>Makes sure that no transaction of the node takes place which has not done so yet. An end that is declared, and removed again, is as absent as it was before, so the other
    /// conditions of such a transaction may hold once more.</summary>
    public static MetadataTransaction CloseFence(string fence) => new() { Operations = [MetadataOperation.Put(fence, s_used)] };

    /// <summary>The keys that the decision about a request depends on.</summary>
    public static IReadOnlyList<string> BasisOf(TopologyRequest request, TopologyMachine machine) => request switch
    {
        TopologyRequest.DeclareExchange r => ExchangeOf(r.Name),
        TopologyRequest.DeleteExchange r => [.. ExchangeOf(r.Name).SelectMany(WithUses), .. r.IfUnused ? machine.BindingsOf(r.Name).Take(1).Select(TopologyKeys.KeyOf) : []],
        TopologyRequest.DeclareQueue r => [TopologyKeys.OfQueue(r.Name)],
        TopologyRequest.DeleteQueue r => [.. WithUses(TopologyKeys.OfQueue(r.Name))],
        TopologyRequest.Bind r => [.. EndsOf(r.Binding), TopologyKeys.KeyOf(r.Binding)],
        TopologyRequest.Unbind r => [TopologyKeys.KeyOf(r.Binding)],
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
        isPart = changes.Count > MostChanges;
        return new MetadataTransaction
        {
            Conditions = [.. (changes.Count > 0 ? basis.Append(fence) : basis).Select(key => new MetadataCondition(key, view.ModRevisionOf(key)))],
            Operations = [.. changes.Take(MostChanges).SelectMany(OperationsOf)],
        };
    }

    private static IEnumerable<MetadataOperation> OperationsOf(TopologyChange change)
    {
        yield return TopologyKeys.ToOperation(change, transientLease: 0, _ => true);
        switch (change)
        {
            case TopologyChange.BindingAdded c:
                foreach (var end in EndsOf(c.Binding))
                {
                    yield return MetadataOperation.Put(TopologyKeys.UsesOf(end), s_used);
                }

                break;
            case TopologyChange.ExchangeRemoved or TopologyChange.QueueRemoved:
                yield return MetadataOperation.Delete(TopologyKeys.UsesOf(TopologyKeys.KeyOf(change)));
                break;
            default:
                break;
        }
    }

    private static IEnumerable<string> EndsOf(Binding binding) => [.. ExchangeOf(binding.Exchange), TopologyKeys.OfQueue(binding.Queue)];

    private static IReadOnlyList<string> ExchangeOf(string name) => TopologyNames.IsBuiltIn(name) ? [] : [TopologyKeys.OfExchange(name)];

    private static IEnumerable<string> WithUses(string key) => [key, TopologyKeys.UsesOf(key)];
}
