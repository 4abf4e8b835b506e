namespace Broker.Node.Tests.Cluster.Faults;

/// <summary>Something that is done to a cluster under load, and undone.</summary>
/// <param name="What">What, for the report.</param>
/// <param name="Victim">The node to which it is done; <c>null</c>: to none.</param>
/// <param name="DoAsync">Does it.</param>
/// <param name="HealAsync">Undoes it.</param>
internal sealed record Fault(string What, ClusterNode? Victim, Func<Task> DoAsync, Func<Task> HealAsync)
{
    /// <summary>The longest pause of a queue's confirms that passes, for clients of other nodes. Generous, as the machine may be busy with other things; when it stops, that is added.</summary>
    public required TimeSpan Limit { get; init; }

    /// <summary>
    /// The same for clients that were connected to the victim: they must find out that it is gone, and do so before the idle timeout of their connections, which is 6 s.
    /// <c>null</c> (default): they may wait for it.
    /// </summary>
    public TimeSpan? LimitForVictimsClients { get; init; }

    /// <summary>
    /// How soon writes are to go on, for all clients. A machine that is busy may be later once, up to the limits; the quickest of all faults of a run that have such a promise must keep it.
    /// <c>null</c> (default): nothing beyond the limits.
    /// </summary>
    public TimeSpan? Promise { get; init; }

    /// <summary>For how long it lasts at least. Default: until every queue confirms again.</summary>
    public TimeSpan Lasts { get; init; }

    /// <summary>Add clients that know the victim alone and wait for it. What they have sent lies before it when it gets turns again. Default <c>false</c>.</summary>
    public bool SomeWaitForVictim { get; init; }

    /// <summary>Clients that are connected to the victim still reach it, and may get no confirms before it is healed. Default <c>false</c>.</summary>
    public bool CutsVictimOff { get; init; }

    public override string ToString() => Victim is null ? What : $"{What} {Victim.Name}";
}
