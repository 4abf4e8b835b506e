using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Broker.Actors.Runtime.Embedded;

/// <summary>
/// The meter <c>Broker.Actors</c> of one system, tagged <c>actor.system</c>. Its instruments are tagged <c>actor.type</c>.
/// </summary>
internal sealed class ActorMetrics : IDisposable
{
    public const string MeterName = "Broker.Actors";
    private const string TypeTag = "actor.type";

    private readonly Meter _meter;
    private readonly System.Collections.Concurrent.ConcurrentDictionary<string, ActorTypeMetrics> _types = new();
    private readonly Counter<long> _deadLetters;

    public ActorMetrics(string systemName, Func<IReadOnlyDictionary<ActorTypeMetrics, int>> readMailboxDepths)
    {
        _meter = new Meter(MeterName, version: null, tags: [new("actor.system", systemName)]);
        Wait = _meter.CreateHistogram<double>(
            "broker.actors.mailbox.wait", "s", "From an actor becoming runnable to the start of its batch.");
        Run = _meter.CreateHistogram<double>("broker.actors.run", "s", "Length of a batch.");
        Processed = _meter.CreateCounter<long>("broker.actors.processed", "{message}", "Messages handled.");
        Overflows = _meter.CreateCounter<long>(
            "broker.actors.mailbox.overflows", "{message}", "Messages refused by a full mailbox; each is a dead letter too.");
        Restarts = _meter.CreateCounter<long>("broker.actors.restarts", "{restart}", "Restarts of actors.");
        _deadLetters = _meter.CreateCounter<long>("broker.actors.dead_letters", "{message}", "Messages not delivered, by reason.");
        _meter.CreateObservableUpDownCounter(
            "broker.actors.live",
            () => _types.Values.Select(type => new Measurement<int>(type.Live, type.Tag)),
            "{actor}",
            "Actors that have started and not stopped.");
        _meter.CreateObservableUpDownCounter(
            "broker.actors.mailbox.depth",
            () => readMailboxDepths().Select(depth => new Measurement<int>(depth.Value, depth.Key.Tag)),
            "{message}",
            "Messages that wait, over all actors of the type.");
    }

    public Histogram<double> Wait { get; }

    public Histogram<double> Run { get; }

    public Counter<long> Processed { get; }

    public Counter<long> Overflows { get; }

    public Counter<long> Restarts { get; }

    public ActorTypeMetrics ForType(string typeName) =>
        _types.GetOrAdd(typeName, static (name, metrics) => new ActorTypeMetrics(metrics, new(TypeTag, name)), this);

    public void CountDeadLetter(string typeName, DeadLetterReason reason)
    {
        if (_deadLetters.Enabled)
        {
            _deadLetters.Add(1, new KeyValuePair<string, object?>(TypeTag, typeName), new("reason", NameOf(reason)));
        }
    }

    public void Dispose() => _meter.Dispose();

    private static string NameOf(DeadLetterReason reason) => reason switch
    {
        DeadLetterReason.NoReceiver => "no_receiver",
        DeadLetterReason.MailboxFull => "mailbox_full",
        DeadLetterReason.BufferFull => "buffer_full",
        _ => throw new UnreachableException($"No name for {reason}."),
    };
}

/// <summary>Measurements of one type of actor. While nobody listens they cost a branch each.</summary>
internal sealed class ActorTypeMetrics(ActorMetrics metrics, KeyValuePair<string, object?> tag)
{
    private int _live;

    public KeyValuePair<string, object?> Tag { get; } = tag;

    public int Live => Volatile.Read(ref _live);

    /// <summary>True if anybody listens to what is measured for each batch.</summary>
    public bool MeasuresBatches => metrics.Wait.Enabled || metrics.Run.Enabled || metrics.Processed.Enabled;

    public void CountStart() => Interlocked.Increment(ref _live);

    public void CountStop() => Interlocked.Decrement(ref _live);

    public void CountRestart() => metrics.Restarts.Add(1, Tag);

    public void CountOverflow() => metrics.Overflows.Add(1, Tag);

    /// <param name="scheduledAt">Zero if nobody listened when the actor became runnable.</param>
    /// <param name="started">Timestamp of the start of the batch.</param>
    public void RecordWait(long scheduledAt, long started)
    {
        if (scheduledAt != 0)
        {
            metrics.Wait.Record(Stopwatch.GetElapsedTime(scheduledAt, started).TotalSeconds, Tag);
        }
    }

    public void RecordRun(long started, int processed)
    {
        metrics.Run.Record(Stopwatch.GetElapsedTime(started).TotalSeconds, Tag);
        if (processed > 0)
        {
            metrics.Processed.Add(processed, Tag);
        }
    }
}
