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
            "broker.actors.mailbox.wait", "s", "From an actor becoming runnable to the start of its batch; one batch in 16 of each actor.");
        Run = _meter.CreateHistogram<double>(
            "broker.actors.run", "s", "Length of a batch; one batch in 16 of each actor.");
        Overflows = _meter.CreateCounter<long>(
            "broker.actors.mailbox.overflows", "{message}", "Messages refused by a full mailbox; each is a dead letter too.");
        Restarts = _meter.CreateCounter<long>("broker.actors.restarts", "{restart}", "Restarts of actors.");
        _deadLetters = _meter.CreateCounter<long>("broker.actors.dead_letters", "{message}", "Messages not delivered, by reason.");
        _meter.CreateObservableCounter(
            "broker.actors.processed",
            () => _types.Values.Select(type => new Measurement<long>(type.Processed, type.Tag)),
            "{message}",
            "Messages handled.");
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

/// <summary>Measurements of one type of actor. Thread-safe.</summary>
internal sealed class ActorTypeMetrics(ActorMetrics metrics, KeyValuePair<string, object?> tag)
{
    /// <summary>
    /// Reading the clock and recording twice costs about 80 ns, which is more than a message; so most batches go without.
    /// </summary>
    private const int SampledBatch = 16;

    private int _live;
    private long _processed;

    public KeyValuePair<string, object?> Tag { get; } = tag;

    public int Live => Volatile.Read(ref _live);

    public long Processed => Volatile.Read(ref _processed);

    /// <summary>True if the n-th batch of an actor is to be timed.</summary>
    public bool Samples(int batch) => batch % SampledBatch == 0 && (metrics.Wait.Enabled || metrics.Run.Enabled);

    public void CountStart() => Interlocked.Increment(ref _live);

    public void CountStop() => Interlocked.Decrement(ref _live);

    public void CountProcessed(int messages) => Interlocked.Add(ref _processed, messages);

    public void CountRestart() => metrics.Restarts.Add(1, Tag);

    public void CountOverflow() => metrics.Overflows.Add(1, Tag);

    /// <summary>Records a timed batch that ends now.</summary>
    public void RecordBatch(long scheduledAt, long startedAt)
    {
        metrics.Wait.Record(Stopwatch.GetElapsedTime(scheduledAt, startedAt).TotalSeconds, Tag);
        metrics.Run.Record(Stopwatch.GetElapsedTime(startedAt).TotalSeconds, Tag);
    }
}
