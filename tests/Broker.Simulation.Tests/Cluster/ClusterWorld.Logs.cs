using Broker.Machines.Queues;
using Broker.Simulation.Tests.Cluster.Checkers;

namespace Broker.Simulation.Tests.Cluster;

/// <summary>A log beside the queues, which clients read from wherever they like.</summary>
internal sealed partial class ClusterWorld
{
    private const int MostReaders = 4;
    private const int MostPublishes = 400; // several times what the log of a node keeps; what nobody can settle would make a history longer and longer
    private const string LogName = "log";
    private readonly LogOffsets _offsets;
    private readonly List<ClusterReader> _readers = [];
    private int _publishedToLog;

    /// <summary>The log, if the history has one.</summary>
    public ClusterQueue? ReadLog { get; }

    private void ActOnLog(ClusterQueue log)
    {
        _readers.RemoveAll(r => r.IsOver);
        switch (Random.Next(10))
        {
            case < 5 when _publishedToLog++ < MostPublishes:
                _publishers[Random.Next(_publishers.Count)].Publish(log);
                break;
            case < 6 when _readers.Count < MostReaders && FindServing(log) is ({ } life, { } local):
                _readers.Add(new ClusterReader(this, log, _offsets, life, local.Actor, (ulong)Random.Next(30)));
                break;
            case < 10 when _readers.Count > 0:
                _readers[Random.Next(_readers.Count)].Grant(Random.Next(1, 30));
                break;
            default:
                break;
        }
    }

    private void ReadToTheEnd(ClusterQueue log)
    {
        var (life, local) = FindServing(log);
        var reader = new ClusterReader(this, log, _offsets, life!, local!.Actor, 0);
        Await("a reader of the log gets all of it", () =>
        {
            Assert.False(reader.IsOver, "the reader of the log has ended");
            reader.Grant(1000);
            return local.Status.Ready == reader.ReceivedCount || (log.Arguments.MaxAge is not null && local.Status.Ready < reader.ReceivedCount);
        });
        log.Facts.Confirmed.ToList().ForEach(_offsets.OnConfirmed);
        _offsets.CheckContents(reader.ReceivedCount, reader.First);
        Seen.Count("read of a log", _offsets.ReadCount);
        Seen.Count("logs that have let go of something", _offsets.HasLetGo || reader.First > 1 ? 1 : 0);
    }

    private QueueArguments ArgumentsOfLog() => Options.Workload switch
    {
        ClusterWorkload.LogOfBytes => QueueArguments.None with { Kind = QueueKind.Log, MaxLengthBytes = Random.Next(8, 60) << 10 },
        ClusterWorkload.LogOfTime => QueueArguments.None with { Kind = QueueKind.Log, MaxAge = Random.Next(1000, 5000) },
        _ => QueueArguments.None with { Kind = QueueKind.Log },
    };
}
