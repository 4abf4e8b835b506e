namespace Broker.Actors.Runtime.Embedded;

/// <summary>The actor system that runs in this process with no other library.</summary>
public sealed class EmbeddedActorSystem : ActorSystem
{
    private readonly TaskCompletionSource _terminated = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ActorPath _rootPath;
    private readonly ActorPath _temporaryPath;
    private readonly ActorCell _root;
    private readonly LocalActorRef _user;
    private readonly Lock _randomLock = new();
    private readonly Random _random;
    private readonly long _startedAt;
    private long _lastUid;

    private EmbeddedActorSystem(string name, ActorSystemOptions options)
    {
        Name = name;
        Options = options;
        _random = options.Seed is { } seed ? new Random(seed) : new Random();
        _startedAt = options.TimeProvider.GetTimestamp();
        _rootPath = ActorPath.Root(name);
        _temporaryPath = _rootPath.Child("temp", 0);
        DeadLetterRef = new DeadLetterRef(this, _rootPath.Child("deadLetters", 0));
        EventStream = new EventStream(error => Report(ActorFaultKind.Ignored, _root!, error));
        Metrics = new ActorMetrics(name, ReadMailboxDepths);
        _root = new ActorCell(this, null, _rootPath, Props.Create(() => new RootGuardian()));
        _user = _root.StartChild(Props.Create(() => new UserGuardian()), UserGuardian.Name);
        _root.SelfRef.SendSystem(new SystemMessage.Create());
    }

    /// <inheritdoc/>
    public override string Name { get; }

    /// <inheritdoc/>
    public override TimeProvider TimeProvider => Options.TimeProvider;

    /// <inheritdoc/>
    public override ActorRef DeadLetters => DeadLetterRef;

    /// <inheritdoc/>
    public override EventStream EventStream { get; }

    /// <inheritdoc/>
    public override Task WhenTerminated => _terminated.Task;

    internal ActorSystemOptions Options { get; }

    internal DeadLetterRef DeadLetterRef { get; }

    internal ActorMetrics Metrics { get; }

    /// <summary>Monotonic time since the system was made.</summary>
    internal TimeSpan Uptime => TimeProvider.GetElapsedTime(_startedAt);

    /// <summary>Makes a system; it runs at once.</summary>
    /// <param name="name">A path element, see <see cref="ActorPath.ValidateName"/>.</param>
    /// <param name="options">Default: all defaults.</param>
    /// <exception cref="ArgumentException">The name is not a path element, or an option is out of range.</exception>
    public static EmbeddedActorSystem Create(string name, ActorSystemOptions? options = null)
    {
        ActorPath.ValidateName(name);
        options ??= new ActorSystemOptions();
        ArgumentOutOfRangeException.ThrowIfLessThan(options.MailboxCapacity, 1, nameof(options));
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Throughput, 1, nameof(options));
        return new EmbeddedActorSystem(name, options);
    }

    /// <inheritdoc/>
    public override ActorRef ActorOf(Props props, string? name = null) => _user.Cell.StartChild(props, name);

    /// <inheritdoc/>
    public override void Stop(ActorRef actor)
    {
        ArgumentNullException.ThrowIfNull(actor);
        (actor as EmbeddedRef)?.SendSystem(new SystemMessage.Terminate());
    }

    /// <inheritdoc/>
    public override void PublishDeadLetter(DeadLetter letter)
    {
        ArgumentNullException.ThrowIfNull(letter);
        DeadLetter(letter.Message, letter.Sender, letter.Recipient, letter.Reason);
    }

    /// <inheritdoc/>
    /// <remarks>With a <see cref="DeterministicDispatcher"/> this call pumps it, unless it is being pumped.</remarks>
    public override async Task TerminateAsync(TimeSpan timeout)
    {
        Stop(_user);
        (Options.Dispatcher as DeterministicDispatcher)?.TryRunUntilIdle();
        try
        {
            await _terminated.Task.WaitAsync(timeout, TimeProvider);
        }
        catch (TimeoutException)
        {
            throw new TimeoutException(
                $"Actor system '{Name}' has not stopped within {timeout}. Still there: {string.Join(", ", LeavesLeft().Take(10))}.");
        }
    }

    /// <inheritdoc/>
    public override ActorHierarchyNode? GetHierarchy(string? startPath = null, int maxDepth = DefaultHierarchyDepth)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(maxDepth);
        var cell = _root;
        foreach (var element in (startPath ?? "").Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            var child = Array.Find(cell.ChildRecords, record => record.Ref.Path.Name == element);
            if (child is null)
            {
                return null;
            }

            cell = child.Ref.Cell;
        }

        return Describe(cell, maxDepth);
    }

    internal long NextUid() => Interlocked.Increment(ref _lastUid);

    internal double NextJitter()
    {
        lock (_randomLock)
        {
            return _random.NextDouble();
        }
    }

    internal ActorPath NewTemporaryPath()
    {
        var uid = NextUid();
        return _temporaryPath.Child("$" + uid.ToString(System.Globalization.CultureInfo.InvariantCulture), uid);
    }

    internal void OnTerminated()
    {
        Metrics.Dispose();
        _terminated.TrySetResult();
    }

    internal void DeadLetter(object message, ActorRef? sender, ActorRef recipient, DeadLetterReason reason)
    {
        Metrics.CountDeadLetter((recipient as LocalActorRef)?.Cell.TypeName ?? "none", reason);
        (sender as AskRef)?.Undelivered(recipient, message, reason);

        // A subscriber that tells dead letters to an actor that has stopped must not make new ones of them for ever.
        if (EventStream.HasSubscribers && message is not Runtime.DeadLetter)
        {
            EventStream.Publish(new DeadLetter(message, sender ?? ActorRef.NoSender, recipient, reason));
        }
    }

    internal void Report(ActorFaultKind kind, ActorCell cell, Exception? exception, Directive? directive = null)
    {
        try
        {
            Options.OnFault?.Invoke(new ActorFault(kind, cell.SelfRef.Path, cell.TypeName, exception, directive));
        }
        catch (Exception)
        {
            // The hook is where faults are told; there is nowhere else to tell its own.
        }
    }

    private static ActorHierarchyNode Describe(ActorCell cell, int depth)
    {
        var children = cell.ChildRecords;
        IReadOnlyList<ActorHierarchyNode> listed = depth == 0
            ? []
            : [.. children.OrderBy(child => child.Ref.Path.Name, StringComparer.Ordinal)
                .Select(child => Describe(child.Ref.Cell, depth - 1))];
        return new ActorHierarchyNode(
            cell.SelfRef.Path,
            cell.TypeName,
            cell.MailboxCount,
            cell.Processed,
            cell.Restarts,
            children.Length,
            listed,
            cell.ReadDetail());
    }

    private Dictionary<ActorTypeMetrics, int> ReadMailboxDepths()
    {
        var depths = new Dictionary<ActorTypeMetrics, int>();
        foreach (var cell in AllCells())
        {
            depths[cell.TypeMetrics] = depths.GetValueOrDefault(cell.TypeMetrics) + cell.MailboxCount;
        }

        return depths;
    }

    private IEnumerable<ActorPath> LeavesLeft() =>
        AllCells().Where(cell => cell.ChildRecords.Length == 0).Select(cell => cell.SelfRef.Path);

    private IEnumerable<ActorCell> AllCells()
    {
        var waiting = new Stack<ActorCell>([_root]);
        while (waiting.TryPop(out var cell))
        {
            yield return cell;
            foreach (var child in cell.ChildRecords)
            {
                waiting.Push(child.Ref.Cell);
            }
        }
    }
}
