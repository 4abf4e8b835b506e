namespace Broker.Node.Tests.Cluster.Faults;

/// <summary>For how long those who publish got no confirms.</summary>
/// <param name="Each">Of each probe: whether its client was connected to the victim, whether the victim led its queue, and its longest pause.</param>
/// <param name="Led">How many queues the victim led.</param>
internal sealed record FaultPauses(IReadOnlyList<(bool IsOfVictim, bool IsLed, TimeSpan Pause)> Each, int Led)
{
    /// <summary>The longest of clients of other nodes.</summary>
    public TimeSpan Longest => Max(probe => !probe.IsOfVictim);

    /// <summary>The same, of queues that the victim led.</summary>
    public TimeSpan OfLed => Max(probe => !probe.IsOfVictim && probe.IsLed);

    /// <summary>The longest of clients of the victim.</summary>
    public TimeSpan OfVictimsClients => Max(probe => probe.IsOfVictim);

    public override string ToString() => Each.Any(probe => probe.IsOfVictim)
        ? $"writes paused for {Text(OfLed)} on the {Led} queues that it led, {Text(Max(p => !p.IsOfVictim && !p.IsLed))} on others; for its own clients {Text(OfVictimsClients)}"
        : $"writes paused for {Text(Longest)}";

    private static string Text(TimeSpan time) => $"{time.TotalMilliseconds:0} ms";

    private TimeSpan Max(Func<(bool IsOfVictim, bool IsLed, TimeSpan Pause), bool> which) => Each.Where(which).Select(probe => probe.Pause).DefaultIfEmpty().Max();
}
