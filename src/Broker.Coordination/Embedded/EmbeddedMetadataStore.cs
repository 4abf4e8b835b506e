using Broker.Storage;
using Broker.Storage.Disks;
using Broker.Storage.Log;

namespace Broker.Coordination.Embedded;

/// <summary>
/// The metadata of a node by itself: all values in memory, made durable by a log of their own. Transactions that are under way at the same time share a sync.
/// </summary>
/// <remarks>
/// <para>A transaction is decided at once, against everything that was decided before it, and its record goes to the log. When the record is on the disk, and not before, the transaction
/// is answered, read and watched. So there are two trees: the pending one decides, the durable one is read.</para>
/// <para>A disk that fails ends it (<see cref="State"/>): transactions and watches end with <see cref="MetadataUnavailableException"/>, reads go on with what was durable. A disk that
/// is full lets transactions wait.</para>
/// <para>What goes with a lease is never written, as it ends with this process. After a start no changes are known, so a watch begins after the revision of a read.</para>
/// </remarks>
public sealed partial class EmbeddedMetadataStore : IMetadataStore
{
    private const ulong Entity = 1;
    private const int ShownSentences = 5;
    private readonly Lock _gate = new(); // may be held when the log is called, never the other way round
    private readonly EmbeddedMetadataOptions _options;
    private readonly WriteAheadLog _log;
    private readonly LogThread? _thread; // null in a simulation
    private readonly Client _client;
    private readonly MetadataHistory _history;
    private readonly Queue<PendingCommit> _underWay = new();
    private MetadataTree _pending;
    private MetadataTree _durable;
    private ulong _lastIndex;
    private string? _failure; // why it takes nothing any more
    private bool _isClosed;

    private EmbeddedMetadataStore(WriteAheadLog log, MetadataRecovery recovery, EmbeddedMetadataOptions options, bool isSimulated)
    {
        _options = options;
        _log = log;
        _client = new Client(this);
        _pending = _durable = recovery.Tree;
        _history = new MetadataHistory(options.HistoryChanges, options.HistoryBytes, recovery.Tree.Revision);
        _lastIndex = recovery.LastIndex;
        _checkpointEnd = recovery.CheckpointEnd;
        Skipped = recovery.Skipped;
        if (Skipped.Count > 0)
        {
            WriteAnew();
        }

        log.Changed = OnLogChanged;
        _thread = isSimulated ? null : new LogThread(log);
    }

    /// <summary>What could not be read at the start and was given up, a sentence each; empty unless <see cref="EmbeddedMetadataOptions.AcceptDamage"/>.</summary>
    public IReadOnlyList<string> Skipped { get; }

    /// <summary>Whether it takes transactions: whether its log does.</summary>
    public LogState State => _log.State;

    /// <summary>Why <see cref="State"/> is not <see cref="LogState.Running"/>, for people; empty while it is.</summary>
    public string Reason => _log.Reason;

    /// <summary>The log, for simulations and tests.</summary>
    internal WriteAheadLog Log => _log;

    /// <summary>Opens the store of a folder, and makes it if there is none. Blocks for as long as reading takes.</summary>
    /// <param name="disk">The disk.</param>
    /// <param name="folder">The store's own folder.</param>
    /// <param name="store">The node's store that it belongs to.</param>
    /// <param name="options">How it is kept; <c>null</c> for the defaults.</param>
    /// <param name="time">Clock of the records; <c>null</c> for the system's.</param>
    /// <exception cref="StoreException">It is damaged, of a newer format, or of another store.</exception>
    /// <exception cref="DiskException">The disk failed.</exception>
    /// <exception cref="ArgumentException">An option is out of range.</exception>
    public static EmbeddedMetadataStore Open(IDisk disk, string folder, Guid store, EmbeddedMetadataOptions? options = null, TimeProvider? time = null) =>
        Open(disk, folder, store, options, time, isSimulated: false);

    /// <summary>The same without threads: whoever opens it does their work, see <see cref="KeepUp"/>.</summary>
    internal static EmbeddedMetadataStore OpenSimulated(IDisk disk, string folder, Guid store, EmbeddedMetadataOptions? options = null, TimeProvider? time = null) =>
        Open(disk, folder, store, options, time, isSimulated: true);

    /// <inheritdoc/>
    public Task<MetadataSnapshot> ReadAsync(string prefix, CancellationToken cancellationToken = default)
    {
        MetadataChecks.CheckPrefix(prefix);
        if (cancellationToken.IsCancellationRequested)
        {
            return Task.FromCanceled<MetadataSnapshot>(cancellationToken);
        }

        return Volatile.Read(ref _isClosed)
            ? Task.FromException<MetadataSnapshot>(Closed())
            : Task.FromResult(Volatile.Read(ref _durable).Read(prefix));
    }

    /// <summary>Finishes what is under way, unless the disk is full, and closes the files. Leases end.</summary>
    /// <exception cref="TimeoutException">The disk does not answer.</exception>
    public async ValueTask DisposeAsync()
    {
        Task upkeep;
        lock (_gate)
        {
            if (_isClosed)
            {
                return;
            }

            Volatile.Write(ref _isClosed, true);
            upkeep = _upkeep;
        }

        try
        {
            await upkeep.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing); // it has failed the log with what it throws
            await Task.Run(() => _thread?.Dispose());
        }
        finally
        {
            EndFor("the metadata store was closed");
        }

        _log.Dispose();
    }

    private static EmbeddedMetadataStore Open(IDisk disk, string folder, Guid store, EmbeddedMetadataOptions? options, TimeProvider? time, bool isSimulated)
    {
        options ??= new EmbeddedMetadataOptions();
        options.Validate();
        var recovery = new MetadataRecovery(Entity);
        var log = WriteAheadLog.Open(disk, folder, store, options.Log, recovery, time: time);
        try
        {
            return recovery.Skipped.Count == 0 || options.AcceptDamage
                ? new EmbeddedMetadataStore(log, recovery, options, isSimulated)
                : throw Damaged(folder, recovery.Skipped);
        }
        catch
        {
            log.Dispose();
            throw;
        }
    }

    private static StoreException Damaged(string folder, IReadOnlyList<string> skipped)
    {
        var more = skipped.Count > ShownSentences ? $"; and {skipped.Count - ShownSentences} more" : "";
        return new StoreException(
            StoreProblem.Unreadable,
            $"the metadata in folder '{folder}' is damaged: {string.Join("; ", skipped.Take(ShownSentences))}{more}. Restore the folder from a copy, or start once with "
            + $"{nameof(EmbeddedMetadataOptions.AcceptDamage)} = true, which goes on with what can be read and gives up the rest");
    }

    private static MetadataUnavailableException Closed() => new("the metadata store was closed", nothingChanged: true);

    /// <summary>Everything up to a record is on the disk.</summary>
    private void OnCommitted(LogRecord last)
    {
        var done = new List<PendingCommit>();
        lock (_gate)
        {
            var reached = false;
            while (_underWay.TryPeek(out var next) && !(reached && next.Record is not null))
            {
                reached |= ReferenceEquals(next.Record, last);
                done.Add(_underWay.Dequeue());
                Publish(next);
            }

            Announce();
        }

        // Not before: whoever is answered may read at once, and must find it.
        done.ForEach(commit => commit.Complete());
    }

    private void Publish(PendingCommit commit)
    {
        Volatile.Write(ref _durable, commit.Tree);
        if (commit.Change is not null)
        {
            _history.Add(commit.Change);
        }

        if (commit.Record is { Kind: Broker.Storage.Records.RecordKind.Checkpoint } checkpoint)
        {
            _checkpointEnd = checkpoint.Position + checkpoint.Length;
            _checkpointUnderWay = false;
            RequestUpkeep();
        }
    }

    private void OnLogChanged()
    {
        if (_log.State == LogState.Failed)
        {
            EndFor(_log.Reason);
        }
        else
        {
            RequestUpkeep();
        }
    }

    private void EndFor(string reason)
    {
        List<PendingCommit> lost;
        List<EmbeddedLease> leases;
        lock (_gate)
        {
            if (_failure is not null)
            {
                return;
            }

            _failure = reason;
            lost = [.. _underWay];
            leases = [.. _leases.Values];
            _underWay.Clear();
            _leases.Clear();
            Announce();
        }

        lost.ForEach(commit => commit.Fail(reason));
        leases.ForEach(lease => lease.End());
    }

    private sealed class Client(EmbeddedMetadataStore store) : LogClient
    {
        public override void OnCommitted(LogRecord last) => store.OnCommitted(last);

        public override void OnFailed(LogFailure failure) => store.EndFor(failure.Reason);
    }

    private sealed class Record : LogRecord;
}
