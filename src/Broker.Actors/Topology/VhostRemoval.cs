using Broker.Actors.Runtime;
using Broker.Machines.Topology;
using Broker.Protocol;

namespace Broker.Actors.Topology;

/// <summary>Removes a vhost: what is in it piece by piece, as if each had been deleted by itself, then the vhost. Wherever it stops it can be repeated.</summary>
internal static class VhostRemoval
{
    private const int MostRounds = 20; // others may declare meanwhile
    private const int AtOnce = 64; // requests that share the syncs of the disk

    /// <summary>What the last step comes to: only a vhost in which there is nothing can go.</summary>
    public static TopologyPlan PlanOf(TopologyMachine machine, string name)
    {
        var plan = machine.PlanRemoveVhost(name);
        return plan.Fault is null && plan.Changes.Count > 1
            ? TopologyPlan.Refuse(new FrameFault(ErrorCode.PreconditionFailed, $"vhost '{name}' has exchanges, queues or bindings"))
            : plan;
    }

    /// <summary>Removes it.</summary>
    /// <param name="topology">Who is asked.</param>
    /// <param name="name">The vhost.</param>
    /// <param name="timeout">For each answer.</param>
    /// <param name="cancellationToken">Ends the wait; some of it may be gone.</param>
    /// <returns><c>null</c>, or why it is not removed.</returns>
    public static async Task<FrameFault?> RunAsync(ActorRef topology, string name, TimeSpan timeout, CancellationToken cancellationToken)
    {
        for (var round = 1; ; round++)
        {
            var removal = await AskAsync(new TopologyRequest.RemoveVhost(name));
            if (removal?.Code != ErrorCode.PreconditionFailed || round == MostRounds)
            {
                return removal;
            }

            var listing = await topology.AskAsync<TopologyListing>(new TopologyRequest.List(), timeout, cancellationToken);
            IEnumerable<TopologyRequest> requests =
            [
                .. listing.Queues.Where(q => EntityName.VhostOf(q.Name) == name).Select(q => new TopologyRequest.DeleteQueue(q.Name, IfUnused: false, IfEmpty: false)),
                .. listing.Exchanges.Where(e => EntityName.VhostOf(e.Name) == name && !TopologyNames.IsBuiltIn(e.Name)).Select(e => new TopologyRequest.DeleteExchange(e.Name, IfUnused: false)),
                .. listing.Bindings.Where(b => EntityName.VhostOf(b.Exchange) == name && TopologyNames.IsBuiltIn(b.Exchange)).Select(b => new TopologyRequest.Unbind(b)),
            ];
            foreach (var part in requests.GroupBy(r => r.GetType()).SelectMany(kind => kind.Chunk(AtOnce)))
            {
                if ((await Task.WhenAll(part.Select(AskAsync))).FirstOrDefault(f => f is not null) is { } fault)
                {
                    return fault;
                }
            }
        }

        async Task<FrameFault?> AskAsync(TopologyRequest request) => (await topology.AskAsync<TopologyReply>(request, timeout, cancellationToken)).Fault;
    }
}
