using Broker.Actors.Runtime;
using Broker.Actors.Runtime.Embedded;

namespace Broker.Actors.Tests.Runtime;

/// <summary>What only shows with real threads: order, loss, overlap. One measures how the pool shares them out, so they run by themselves.</summary>
[Collection(nameof(ThreadPoolTests))]
[CollectionDefinition(nameof(ThreadPoolTests), DisableParallelization = true)]
public sealed class ThreadPoolTests
{
    [Fact]
    public async Task Eight_threads_tell_a_million_messages_in_order_none_lost_and_never_two_at_a_time()
    {
        const int Senders = 8;
        const int PerSender = 125_000;
        await using var system = Create(capacity: Senders * PerSender);
        var checker = new OrderChecker(Senders, PerSender);
        var actor = system.ActorOf(Props.Create(() => checker));
        RunThreads(Senders, sender =>
        {
            for (var i = 0; i < PerSender; i++)
            {
                actor.Tell(new Numbered(sender, i));
            }
        });

        await checker.Done.WaitAsync(TestSystem.Patience);
        Assert.Equal(0, checker.OutOfOrder);
        Assert.Equal(0, checker.Overlaps);
    }

    [Fact]
    public async Task Bounded_mailbox_under_fire_delivers_or_counts_every_message()
    {
        const int Senders = 4;
        const int PerSender = 100_000;
        await using var system = Create(capacity: 64);
        var (dead, handled, over) = (0, 0, 0);
        system.EventStream.Subscribe<DeadLetter>(_ => Interlocked.Increment(ref dead));
        var drained = new TaskCompletionSource();
        var actor = system.ActorOf(new ActorScript
        {
            OnReceive = (self, message) =>
            {
                if (message is "end")
                {
                    drained.SetResult();
                    return;
                }

                handled++;
                over = Math.Max(over, system.GetHierarchy(self.Its.Self.Path.ToString(), 0)!.MailboxLength - 64);
            },
        }.Props());
        RunThreads(Senders, _ =>
        {
            for (var i = 0; i < PerSender; i++)
            {
                actor.Tell(i);
            }
        });
        await TellUntilDelivered(system, actor, "end");
        await drained.Task.WaitAsync(TestSystem.Patience);

        Assert.Equal(Senders * PerSender, handled + dead);
        Assert.True(over <= 0, $"The mailbox held {over} messages more than its capacity.");
    }

    [Fact]
    public async Task Every_message_to_an_actor_that_is_stopping_is_handled_or_a_dead_letter()
    {
        const int Rounds = 200;
        const int PerSender = 200;
        await using var system = Create(capacity: 10_000);
        var dead = 0;
        system.EventStream.Subscribe<DeadLetter>(_ => Interlocked.Increment(ref dead));
        var handled = 0;
        for (var round = 0; round < Rounds; round++)
        {
            var actor = system.ActorOf(Props.Create(() => new Sink(() => handled++)));
            var ended = new TaskCompletionSource();
            system.ActorOf(new ActorScript
            {
                OnStart = self => self.Its.Watch(actor),
                OnReceive = (self, _) =>
                {
                    ended.SetResult();
                    self.Its.Stop(self.Its.Self);
                },
            }.Props());
            RunThreads(3, sender =>
            {
                for (var i = 0; i < PerSender; i++)
                {
                    actor.Tell(i);
                    if (sender == 0 && i == PerSender / 2)
                    {
                        system.Stop(actor);
                    }
                }
            });
            await ended.Task.WaitAsync(TestSystem.Patience);
            Assert.Equal((round + 1) * 3 * PerSender, Volatile.Read(ref handled) + Volatile.Read(ref dead));
        }
    }

    [Fact]
    public async Task Watch_races_with_the_end_and_is_always_answered_once()
    {
        await using var system = Create(capacity: 10_000);
        for (var round = 0; round < 1_000; round++)
        {
            var target = system.ActorOf(Props.Create(() => new Sink(() => { })));
            var deaths = 0;
            var told = new TaskCompletionSource();
            var watcher = system.ActorOf(new ActorScript
            {
                OnReceive = (self, message) =>
                {
                    if (message is Terminated)
                    {
                        deaths++;
                        told.SetResult();
                    }
                    else
                    {
                        self.Its.Watch(target);
                    }
                },
            }.Props());
            watcher.Tell("watch");
            system.Stop(target);
            await told.Task.WaitAsync(TestSystem.Patience);
            system.Stop(watcher);
            Assert.Equal(1, deaths);
        }
    }

    [Fact]
    public async Task Restarts_under_fire_lose_only_the_messages_that_failed()
    {
        const int Messages = 20_000;
        await using var system = Create(capacity: Messages + 1);
        var handled = 0;
        var done = new TaskCompletionSource();
        var actor = system.ActorOf(new ActorScript
        {
            OnReceive = (_, message) =>
            {
                if ((int)message % 10 == 0)
                {
                    throw new InvalidOperationException("every tenth");
                }

                handled++;
                if ((int)message > Messages)
                {
                    done.SetResult();
                }
            },
        }.Props());
        for (var i = 1; i <= Messages + 1; i++)
        {
            actor.Tell(i);
        }

        await done.Task.WaitAsync(TestSystem.Patience);
        var node = system.GetHierarchy(actor.Path.ToString())!;
        Assert.Equal(Messages / 10, node.Restarts);
        Assert.Equal(Messages - (Messages / 10) + 1, handled);
    }

    [Fact]
    public async Task Timer_and_ask_work_on_the_real_clock()
    {
        await using var system = Create(capacity: 10);
        var actor = system.ActorOf(new ActorScript
        {
            OnReceive = (self, message) =>
            {
                if (message is ActorRef asker)
                {
                    asker.Tell("answer");
                }
                else
                {
                    self.Its.Timers.StartSingle("key", self.Its.Sender, TimeSpan.FromMilliseconds(1));
                }
            },
        }.Props());

        Assert.Equal("answer", await actor.AskAsync<string>("question", TestSystem.Patience));
    }

    [Fact]
    public async Task Actors_that_keep_each_other_busy_let_other_work_of_the_thread_pool_run()
    {
        await using var system = Create(capacity: 10);
        for (var i = 0; i < 4 * Environment.ProcessorCount; i++)
        {
            var pong = system.ActorOf(Props.Create(() => new Echo()));
            system.ActorOf(Props.Create(() => new Echo())).Tell("ball", pong);
        }

        var times = new List<TimeSpan>();
        for (var i = 0; i < 51; i++)
        {
            using var ran = new ManualResetEventSlim();
            var start = TimeProvider.System.GetTimestamp();
            ThreadPool.UnsafeQueueUserWorkItem(_ => ran.Set(), null);
            Assert.True(ran.Wait(TimeSpan.FromSeconds(10)), "A work item did not run within 10 s.");
            times.Add(TimeProvider.System.GetElapsedTime(start));
        }

        // A few milliseconds, and 160 to 500 if workers keep to their own queues. A machine that stops now and then delays a few.
        var median = times.Order().ElementAt(times.Count / 2);
        Assert.True(median < TimeSpan.FromSeconds(0.1), $"Half of {times.Count} work items took {median} or longer.");
    }

    private static EmbeddedActorSystem Create(int capacity) =>
        EmbeddedActorSystem.Create("threads", new ActorSystemOptions { MailboxCapacity = capacity });

    private static void RunThreads(int count, Action<int> body)
    {
        var threads = Enumerable.Range(0, count).Select(i => new Thread(() => body(i))).ToList();
        threads.ForEach(thread => thread.Start());
        foreach (var thread in threads)
        {
            Assert.True(thread.Join(TestSystem.Patience), "A sending thread did not end.");
        }
    }

    private static async Task TellUntilDelivered(EmbeddedActorSystem system, ActorRef actor, string message)
    {
        // Once the senders are done, an empty mailbox stays empty.
        var barrier = system.ActorOf(new ActorScript
        {
            OnReceive = (self, _) =>
            {
                if (system.GetHierarchy(actor.Path.ToString(), 0)!.MailboxLength == 0)
                {
                    self.Its.Sender.Tell("empty");
                }
                else
                {
                    self.Its.Self.Tell("look again", self.Its.Sender);
                }
            },
        }.Props());
        await barrier.AskAsync<string>("look", TestSystem.Patience);
        actor.Tell(message);
    }

    private sealed record Numbered(int Sender, int Number);

    private sealed class Echo : Actor
    {
        protected override void Receive(object message) => Sender.Tell(message, Self);
    }

    private sealed class Sink(Action onMessage) : Actor
    {
        protected override void Receive(object message) => onMessage();
    }

    private sealed class OrderChecker(int senders, int perSender) : Actor
    {
        private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly int[] _next = new int[senders];
        private int _received;
        private int _inside;

        public Task Done => _done.Task;

        public int OutOfOrder { get; private set; }

        public int Overlaps { get; private set; }

        protected override void Receive(object message)
        {
            if (Interlocked.Exchange(ref _inside, 1) != 0)
            {
                Overlaps++;
            }

            var numbered = (Numbered)message;
            if (_next[numbered.Sender]++ != numbered.Number)
            {
                OutOfOrder++;
            }

            Volatile.Write(ref _inside, 0);
            if (++_received == senders * perSender)
            {
                _done.SetResult();
            }
        }
    }
}
