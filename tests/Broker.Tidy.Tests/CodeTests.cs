using System.Text.RegularExpressions;

namespace Broker.Tidy.Tests;

public sealed partial class CodeTests
{
    [Fact]
    public void Every_log_event_has_its_own_id() => Tidy.Nothing(
        "Take the next free id of the folder's block; operators filter by it.",
        from file in Sources
        from message in LogEvent().Matches(file.Text)
        group file.Path by message.Groups["id"].Value into ids
        where ids.Count() > 1
        select $"{ids.Key}: {string.Join(", ", ids)}");

    [Fact]
    public void Log_texts_stand_in_log_classes() => Tidy.Nothing(
        "Move the event to the folder's static partial class that ends in Log, so that all its texts and ids are read together.",
        from file in Sources
        where LogEvent().IsMatch(file.Text) && !file.Name.EndsWith("Log.cs", StringComparison.Ordinal)
        select file.Path);

    [Fact]
    public void Actor_code_stays_on_its_scheduler() => Tidy.Nothing(
        "Leave ConfigureAwait out: its continuation would run outside the actor's turn, and outside the simulator's clock.",
        Tidy.Lines(Actors, line => line.Contains("ConfigureAwait(", StringComparison.Ordinal)));

    [Fact]
    public void Nobody_sleeps() => Tidy.Nothing(
        "Wait for what must happen, with a limit that says what it waited for.",
        Tidy.Lines(
            Repository.FilesLike(".cs").Where(file => file.Folder != "tests/Broker.Tidy.Tests"),
            line => line.Contains("Thread.Sleep(", StringComparison.Ordinal)));

    [Fact]
    public void The_time_comes_from_a_time_provider() => Tidy.Nothing(
        "Take a TimeProvider, so that a test can move the time.",
        Tidy.Lines(Sources, line => WallClock().IsMatch(line)));

    [Fact]
    public void Commands_of_the_root_can_be_run()
    {
        if (OperatingSystem.IsWindows())
        {
            Assert.Skip("Windows has no file modes");
        }

        Tidy.Nothing(
            "Make it executable: git update-index --chmod=+x <file>, chmod +x <file>.",
            from path in new[] { "run.sh", "test.sh", "pbm", ".ci/run" }
            where !new FileInfo(Path.Combine(Repository.Root, path)).UnixFileMode.HasFlag(UnixFileMode.UserExecute)
            select path);
    }

    // What is not an actor, such as the engine and the server's start, runs on whatever thread it likes.
    private static IEnumerable<SourceFile> Actors => Sources.Where(file => ActorFile().IsMatch(file.Path));

    private static IEnumerable<SourceFile> Sources => Repository.FilesLike(".cs").Where(file => file.Path.StartsWith("src/", StringComparison.Ordinal));

    [GeneratedRegex(@"^src/Broker\.Actors/(?!Runtime/).*Actor(\.\w+)?\.cs$")]
    private static partial Regex ActorFile();

    [GeneratedRegex(@"\[LoggerMessage\(\s*(EventId\s*=\s*)?(?<id>\d+)")]
    private static partial Regex LogEvent();

    [GeneratedRegex(@"\bDateTime(Offset)?\.(Utc)?Now\b")]
    private static partial Regex WallClock();
}
