using Broker.Storage.Disks;
using Broker.Storage.Records;
using Broker.Storage.Recovery;

namespace Broker.Storage.Log;

/// <summary>Whether the log takes records.</summary>
public enum LogState
{
    /// <summary>It does.</summary>
    Running,

    /// <summary>It takes them, and cannot write them before there is space on the disk again.</summary>
    Full,

    /// <summary>It takes nothing more: the disk has failed, and what it holds is unknown until the node starts anew.</summary>
    Failed,
}

/// <summary>
/// The node's write-ahead log: whatever all entities have appended since the last time goes out in one write and one sync, and only then do they hear of it.
/// </summary>
/// <remarks>
/// <para><see cref="Append"/> may be called from any thread. <see cref="CommitGroup"/> and <see cref="CommitMark"/> belong to one thread, see <see cref="LogThread"/>; a simulation
/// calls them itself.</para>
/// <para>A failed write or sync ends the log. It is never tried again: the kernel may have dropped what it could not write, and would report success.</para>
/// </remarks>
public sealed partial class WriteAheadLog : IDisposable
{
    private readonly Lock _lock = new();
    private readonly LogFileSet _files;
    private readonly LogOptions _options;
    private readonly LogRetention _retention;
    private readonly TimeProvider _time;
    private readonly uint _run;
    private readonly Queue<LogRecord> _queue = new(); // the log thread's own
    private readonly List<LogRecord> _group = [];
    private readonly List<LogClient> _clients = []; // of the group
    private readonly Dictionary<ulong, EntityTail> _touched = []; // since the last mark
    private bool _isUnmarked; // whether anything was written since the last mark
    private readonly LogBuffer _buffer;
    private readonly MarkClient _markClient = new();
    private List<LogRecord> _pending = [];
    private List<LogRecord> _taken = [];
    private LogFile? _file;
    private long _end; // position of the next record
    private long _written; // everything before it was handed to the file
    private long _synced; // everything before it is on the disk
    private ulong _marks;
    private long _syncCount;
    private long _recordCount;
    private string _fullReason = "";
    private LogFailure? _failure; // under the lock
    private volatile string? _requestedFailure;
    private volatile string _reason = "";
    private volatile LogState _state;

    private WriteAheadLog(LogFileSet files, StoreKey key, LogRetention retention, LogOptions options, long end, uint run, TimeProvider time)
    {
        _files = files;
        Key = key;
        _buffer = new LogBuffer(key);
        _retention = retention;
        _options = options;
        _end = _written = _synced = end;
        _run = run;
        _time = time;
    }

    /// <summary>Opens the log of a folder: hands over what is in it, cuts a torn tail off, and is ready to take more. Blocks for as long as reading takes.</summary>
    /// <param name="disk">The disk.</param>
    /// <param name="folder">The log's own folder; made if it is missing.</param>
    /// <param name="store">The store that it belongs to.</param>
    /// <param name="options">How it is kept.</param>
    /// <param name="handler">Takes in what is found.</param>
    /// <param name="progress">Hears how far it is, now and then.</param>
    /// <param name="time">Clock of the records.</param>
    /// <exception cref="StoreException">It is of a newer format, or of another store.</exception>
    /// <exception cref="DiskException">The disk failed.</exception>
    public static WriteAheadLog Open(
        IDisk disk, string folder, Guid store, LogOptions options, ILogRecoveryHandler handler, Action<RecoveryProgress>? progress = null, TimeProvider? time = null)
    {
        ArgumentNullException.ThrowIfNull(disk);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(handler);
        options.Validate();
        disk.CreateFolder(folder);
        var files = new LogFileSet(disk, folder, store, options);
        var recovery = new LogRecovery(disk, folder, store, handler, progress ?? (static _ => { }));
        try
        {
            var (end, run) = recovery.Run(files);
            var retention = new LogRetention();
            foreach (var (entity, neededFrom) in handler.Complete())
            {
                retention.Need(entity, neededFrom);
            }

            return new WriteAheadLog(files, StoreKey.Of(store), retention, options, end, run, time ?? TimeProvider.System);
        }
        catch
        {
            recovery.Dispose();
            throw;
        }
    }

    /// <summary>Called on the thread of an append that finds the log idle: somebody has to call <see cref="CommitGroup"/>. Set before the first append.</summary>
    public Action Wake { get; set; } = static () => { };

    /// <summary>Called on the log's thread when a file was ended and another one begun, and when <see cref="State"/> has changed. Set before the first append.</summary>
    public Action Changed { get; set; } = static () => { };

    /// <summary>Whether the log takes records.</summary>
    public LogState State => _state;

    /// <summary>Why <see cref="State"/> is not <see cref="LogState.Running"/>, for people; empty while it is.</summary>
    public string Reason => _reason;

    /// <summary>Everything before this position is on the disk.</summary>
    public long SyncedPosition => Volatile.Read(ref _synced);

    /// <summary>Position of the oldest byte that is kept.</summary>
    public long StartPosition => _files.Start ?? SyncedPosition;

    /// <summary>Bytes from the oldest that is kept to the newest.</summary>
    public long SizeBytes => Math.Max(0, SyncedPosition - StartPosition);

    /// <summary>Number of files, without spares.</summary>
    public int FileCount => _files.Count;

    /// <summary>Whether the next file is there already.</summary>
    public bool HasSpare => _files.HasSpare;

    /// <summary>Syncs since the start.</summary>
    public long SyncCount => Volatile.Read(ref _syncCount);

    /// <summary>Records committed since the start.</summary>
    public long RecordCount => Volatile.Read(ref _recordCount);

    /// <summary>Takes a record. Its client hears of it once it is on the disk, or that it never will be.</summary>
    public void Append(LogRecord record)
    {
        ArgumentNullException.ThrowIfNull(record);
        bool wake;
        LogFailure? failure;
        lock (_lock)
        {
            failure = _failure;
            wake = _pending.Count == 0;
            if (failure is null)
            {
                _pending.Add(record);
            }
        }

        if (failure is not null)
        {
            record.Client.OnFailed(failure);
        }
        else if (wake)
        {
            Wake();
        }
    }

    /// <summary>Writes and syncs what was appended, up to <see cref="LogOptions.MaxGroupBytes"/>, and tells those who appended it.</summary>
    /// <returns>Whether there was anything, and may be more.</returns>
    public bool CommitGroup()
    {
        if (_requestedFailure is { } requested)
        {
            EndFor(requested);
        }

        TakePending();
        if (_queue.Count == 0 || _state == LogState.Failed)
        {
            return false;
        }

        try
        {
            var full = !Encode();
            WriteOut();
            Sync();
            Tell();
            SetState(full ? LogState.Full : LogState.Running, full ? _fullReason : "");
            return !full;
        }
        catch (DiskException e)
        {
            EndFor($"the log cannot be written: {e.Message}");
            return false;
        }
    }

    /// <summary>Writes a <see cref="LogMark"/> if anything was written since the last one. To be called when the log has been idle for a moment, and at its end.</summary>
    public void CommitMark()
    {
        // What waits may be the last record of an entity that the mark would name; then no other record of it follows the mark.
        while (CommitGroup())
        {
        }

        if (_isUnmarked && _state == LogState.Running)
        {
            _queue.Enqueue(LogMark.Of(_markClient, ++_marks, _touched.Values));
            _touched.Clear();
            _isUnmarked = false;
            CommitGroup();
        }
    }

    /// <summary>The entities that still need something before a position, in order.</summary>
    public IReadOnlyList<ulong> EntitiesNeeding(long position) => _retention.NeedingBefore(position);

    /// <summary>Up to where the log may be given up to come back under its bounds; <see cref="StartPosition"/> if it is within them.</summary>
    public long RetirementGoal()
    {
        var goal = StartPosition;
        var count = FileCount;
        foreach (var file in _files.Sealed())
        {
            if (SyncedPosition - goal <= _options.MaxBytes - _options.FileBytes && count <= _options.MaxFiles)
            {
                break;
            }

            goal = file.End;
            count--;
        }

        return goal;
    }

    /// <summary>Gives up files that nobody needs, up to a position.</summary>
    /// <returns>Whether there were any.</returns>
    /// <exception cref="DiskException">The disk failed.</exception>
    public bool Retire(long position) => _files.Retire(Math.Min(position, _retention.Lowest()));

    /// <summary>Makes the next file ahead of its time if it is not there.</summary>
    /// <exception cref="DiskException">There is no space for it, or the disk failed.</exception>
    public void PrepareSpare() => _files.PrepareSpare();

    /// <summary>The entity needs nothing of the log any more, not even the record that says that it is gone.</summary>
    /// <param name="entity">Which.</param>
    /// <param name="upTo">What it has written behind this position it needs.</param>
    public void Forget(ulong entity, long upTo = long.MaxValue) => _retention.Remove(entity, upTo);

    /// <summary>Reads a record. Any thread.</summary>
    /// <returns><c>null</c> if it is no longer there, or its header is damaged.</returns>
    /// <exception cref="DiskException">The disk failed.</exception>
    public StoredRecord? Read(long position, int length)
    {
        if (_files.Find(position) is not { } file)
        {
            return null;
        }

        try
        {
            return StoredRecord.TryRead(file.File, Key, position - file.BasePosition, position, length);
        }
        catch (ObjectDisposedException)
        {
            return null; // retired meanwhile
        }
    }

    /// <summary>Key of the store that it belongs to.</summary>
    internal StoreKey Key { get; }

    /// <summary>All files, oldest first.</summary>
    internal IReadOnlyList<LogFile> Files => _files.All();

    /// <summary>The file that a position is in, and where in it; <c>null</c> if it is no longer there.</summary>
    public (string Path, long Offset)? FileOf(long position) => _files.Find(position) is { } file ? (file.File.Path, position - file.BasePosition) : null;

    /// <inheritdoc/>
    public void Dispose() => _files.Dispose();

    /// <summary>Ends the log for a reason that lies outside it, such as a segment that could not be written. Any thread; the log's own carries it out.</summary>
    public void Fail(string reason)
    {
        _requestedFailure ??= reason;
        Wake();
    }
}
